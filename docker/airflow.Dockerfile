# Airflow's own processes: API server with the review page, scheduler, DAG processor, triggerer. No torch, no Ray, no GPU.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 AIRFLOW_HOME=/opt/airflow
RUN useradd --create-home --uid 50000 --home-dir /opt/airflow airflow

WORKDIR /opt/adloom
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY catalog catalog
COPY renderer renderer
RUN pip install --constraint constraints.txt ".[airflow]" \
    "apache-airflow-providers-celery" "apache-airflow-providers-fab" "psycopg2-binary" "asyncpg" "redis"
COPY dags dags
COPY templates templates

USER 50000
ENTRYPOINT ["airflow"]
CMD ["version"]
