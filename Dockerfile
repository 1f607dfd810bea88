# Two images from one file: "web" has no torch, "worker" has no pages. Built by docker-compose.yml.
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --create-home --uid 1000 archfront && mkdir /data && chown archfront /data
WORKDIR /srv/archfront
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY app app
COPY db db
COPY search search
COPY workers workers
COPY .streamlit .streamlit

FROM base AS web
RUN pip install --constraint constraints.txt --editable ".[app]"
USER archfront
EXPOSE 8501
CMD ["archfront", "web"]

FROM base AS worker
# Options for pip that choose the build of torch; see "CPU or CUDA" in the README.
ARG TORCH=""
RUN pip install --constraint constraints.txt ${TORCH} torch \
    && pip install --constraint constraints.txt --editable ".[worker]"
USER archfront
CMD ["archfront", "worker"]
