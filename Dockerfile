# weir for Kubernetes, ECS or other container platforms, with an external Kafka and PostgreSQL:
#   docker build -t weir .
#   docker run -p 3000:3000 -e DATABASE_URL=… -e KAFKA_URL=… \
#     -v ./keys:/keys:ro -e API_KEYS_FILE=/keys/list weir
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends make pkg-config libssl-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /weir
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/weir/target \
    cargo build --release --locked --bin weir && install -D target/release/weir /out/weir

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/weir weir
COPY --from=build /out/weir /usr/local/bin/weir
# The user is a number, so that Kubernetes' runAsNonRoot can check that it is not root.
USER 10001:10001
WORKDIR /var/lib/weir
ENV WEIR_HOST=0.0.0.0 WEIR_PORT=3000 WEIR_DATA_DIR=/var/lib/weir WEIR_NO_SAMPLE=true
EXPOSE 3000
# Checks whether the program runs. It does not check Kafka or the database (/readyz and /healthz
# do): the program survives their outages, and a restart would not help.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD curl --fail --silent --output /dev/null http://127.0.0.1:3000/livez
# The running batch is finished first. Orchestrators wait 30 s (terminationGracePeriodSeconds)
# before they kill the container.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/weir"]
