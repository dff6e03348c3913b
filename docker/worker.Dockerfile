# A Celery worker that renders: models, voices, fonts and ffmpeg. For GPU machines, build with TORCH_BACKEND=cu130 and
# run with the NVIDIA container runtime.
FROM python:3.11-slim-bookworm

ARG TORCH_BACKEND=cpu
# For docker/kuberay and for other video models than the embedded one: render,diffusion,gpu,ray; Triton needs gcc
ARG EXTRAS=airflow,render,speech,espeak
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 AIRFLOW_HOME=/opt/airflow
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev libegl1 libgl1 && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 50000 --home-dir /opt/airflow airflow

WORKDIR /opt/adloom
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY catalog catalog
COPY renderer renderer
RUN pip install uv \
    && uv pip install --system --torch-backend "$TORCH_BACKEND" --constraint constraints.txt \
    ".[$EXTRAS]" \
    "apache-airflow-providers-celery" "apache-airflow-providers-fab" "psycopg2-binary" "asyncpg" "redis"
RUN python -m renderer.backends.kokoro_voices && python -m renderer.picture.emoji_font
COPY dags dags
COPY templates templates

USER 50000
ENTRYPOINT ["airflow"]
CMD ["celery", "worker"]
