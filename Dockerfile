# One image for a night (the default command) and for the Dagster UI with its daemon.
# How to build and run it stands in OPERATIONS.md.
FROM python:3.11-slim-bookworm

# Another index: --build-arg PIP_INDEX_URL=… UV_DEFAULT_INDEX=…
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
# What is installed; with a client of PostgreSQL: --build-arg SYNC="--no-dev --extra postgres"
ARG SYNC=--no-dev

# Packages of Debian's release, which gets security fixes only.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 kefen \
    && useradd --uid 10001 --gid kefen --create-home kefen \
    && install --directory --owner=kefen --group=kefen /app /data

WORKDIR /app
USER 10001:10001

# The packages change less often than the code: they are a layer of their own.
COPY --chown=kefen:kefen Makefile pyproject.toml uv.lock ./
RUN make .venv/.installed SYNC="${SYNC}"

COPY --chown=kefen:kefen . .
RUN make install SYNC="${SYNC}"

ENV KEFEN_HOME=/data \
    PYTHONUNBUFFERED=1
VOLUME ["/data"]

# As Ctrl-C stops it: dbt closes its database, the run is logged, the notice sent.
STOPSIGNAL SIGINT
ENTRYPOINT ["/app/.venv/bin/python", "-m", "dagster_project"]
CMD ["run"]
