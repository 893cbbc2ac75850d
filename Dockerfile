# One image for API, worker, migration and command line; the command decides.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/countersign
COPY requirements.lock .
RUN /opt/countersign/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

FROM python:3.11.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin countersign \
 && install -d -o countersign -g countersign -m 0750 /var/lib/countersign
COPY --from=build /opt/countersign /opt/countersign
WORKDIR /app
COPY activities activities
COPY api api
COPY commands commands
COPY config config
COPY connectors connectors
COPY domain domain
COPY drawings drawings
COPY local local
COPY storage storage
COPY workflows workflows
COPY cli.py cli_keys.py worker.py ./
ENV PATH=/opt/countersign/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app
USER countersign
EXPOSE 8000
CMD ["uvicorn", "api.app:create_app", "--factory", "--host", "0.0.0.0", "--port", "8000", "--http", "api.http_protocol:BoundedProtocol", "--no-server-header"]
