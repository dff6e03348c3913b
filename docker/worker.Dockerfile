# A Celery worker that renders: models, voices, fonts and ffmpeg. On a GPU machine, build with
# TORCH_INDEX=https://download.pytorch.org/whl/cu130 and run with the NVIDIA container runtime.
FROM python:3.11-slim-bookworm

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 AIRFLOW_HOME=/opt/airflow
RUN useradd --create-home --uid 50000 --home-dir /opt/airflow airflow

WORKDIR /opt/adloom
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY catalog catalog
COPY renderer renderer
RUN pip install --index-url "$TORCH_INDEX" "torch==2.13.0" \
    && pip install --constraint constraints.txt ".[airflow,render,speech,espeak]" \
    "apache-airflow-providers-celery" "apache-airflow-providers-fab" "psycopg2-binary" "asyncpg" "redis"
RUN python -m renderer.backends.kokoro_voices
COPY dags dags
COPY templates templates

USER 50000
ENTRYPOINT ["airflow"]
CMD ["celery", "worker"]
