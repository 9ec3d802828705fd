# syntax=docker/dockerfile:1

# The page.
FROM node:24-bookworm-slim AS page
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY web .
RUN npm run build

# The server. What cargo downloads and builds is kept between builds.
FROM rust:1.95-bookworm AS build
# OpenSSL is what the encryption of Web Push is built on.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=page /web/dist /web/dist
ENV CHATALOT_WEB_DIST=/web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked \
    && cp target/release/chatalot /usr/local/bin/chatalot

FROM debian:bookworm-slim
# PostgreSQL: its programs for the private database, for backup and restore; without the
# database that Debian's package would make. Certificates: for a database over TLS and for
# push services. OpenSSL: for Web Push.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 postgresql-common \
    && echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf \
    && apt-get install -y --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/apt/lists/*
# A user with a name: PostgreSQL's initdb refuses a bare number.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/chatalot --shell /usr/sbin/nologin chatalot \
    && install -d -o chatalot -g chatalot -m 0700 /var/lib/chatalot /var/backups/chatalot
COPY --from=build /usr/local/bin/chatalot /usr/local/bin/chatalot

USER chatalot
WORKDIR /var/lib/chatalot
ENV CHATALOT_LISTEN=0.0.0.0:8080 \
    CHATALOT_DATA_DIR=/var/lib/chatalot
VOLUME /var/lib/chatalot
EXPOSE 8080
# A start may include the recovery of the private database.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
    CMD ["chatalot", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["chatalot"]
