# syntax=docker/dockerfile:1
# The image: the binary, the libraries that it is linked with, and certificate authorities. No shell and no package manager.
#
#   docker build -t streamgauge .                                 compiles everything (about half an hour on two cores)
#   .ci/image.sh                                                  packs target/release/streamgauge as it is, and tests the image
#
# Both take the stages `root` and `base`, so what .ci/image.sh tests is what is built here; only where the binary comes from differs.
# The names of base images are arguments, so that a build can pin a digest or take a base that was made locally.
ARG DEBIAN=docker.io/library/debian:bookworm-slim
ARG RUST=docker.io/library/rust:1.95-slim-bookworm

# The files of Debian that the image has. `debian:bookworm-slim` alone is larger than the whole image may be.
FROM ${DEBIAN} AS root
# Nothing is downloaded where the base has these packages already.
RUN set -eu; \
    packages='ca-certificates libssl3 zlib1g libgcc-s1'; \
    dpkg-query --show --showformat '${Status}\n' $packages 2>/dev/null | grep -c 'ok installed' | grep -qx 4 \
      || { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $packages; }
# The libraries with the names under which the loader looks for them. libdl, libpthread, librt and libresolv are part of libc.
RUN set -eu; \
    mkdir -p /image/etc/ssl/certs /image/tmp /image/var/lib /image/usr/share/licenses/streamgauge/debian; \
    for library in libc.so.6 libm.so.6 libgcc_s.so.1 libz.so.1 libssl.so.3 libcrypto.so.3; do \
      path=$(ldconfig -p | awk -v name="$library" '$1 == name { print $NF; exit }'); \
      mkdir -p "/image$(dirname "$path")"; \
      cp -L "$path" "/image$path"; \
    done; \
    for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do \
      [ ! -e "$loader" ] || { mkdir -p "/image$(dirname "$loader")" && cp -L "$loader" "/image$loader"; }; \
    done; \
    cp -L /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/; \
    # OpenSSL looks for certificates and for its configuration here. \
    mkdir -p /image/usr/lib/ssl; \
    ln -s /etc/ssl/certs /image/usr/lib/ssl/certs; \
    ln -s /etc/ssl/certs/ca-certificates.crt /image/usr/lib/ssl/cert.pem; \
    cp -L /etc/os-release /image/etc/; \
    printf 'hosts: files dns\n' >/image/etc/nsswitch.conf; \
    printf 'root:x:0:0:root:/:/nonexistent\nstreamgauge:x:65532:65532:streamgauge:/var/lib/streamgauge:/nonexistent\n' >/image/etc/passwd; \
    printf 'root:x:0:\nstreamgauge:x:65532:\n' >/image/etc/group; \
    for package in libc6 libgcc-s1 zlib1g libssl3 ca-certificates; do \
      cp -L "/usr/share/doc/$package/copyright" "/image/usr/share/licenses/streamgauge/debian/$package"; \
    done; \
    chmod 1777 /image/tmp; \
    # A volume that is made for this folder takes its owner. \
    install -d -o 65532 -g 65532 -m 0700 /image/var/lib/streamgauge

FROM scratch AS base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="streamgauge" \
      org.opencontainers.image.description="SQL window queries over Kafka, run as WebAssembly components" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=root /image /
# State and machine code are in two folders of the volume.
# An address other than loopback needs tokens and TLS, or STREAMGAUGE_SERVER_INSECURE=true; the image makes that choice for nobody.
ENV STREAMGAUGE_STATE_URL=/var/lib/streamgauge/state \
    STREAMGAUGE_PLUGIN_CACHE=/var/lib/streamgauge/compiled \
    STREAMGAUGE_HOST=http://127.0.0.1:8420
USER 65532:65532
WORKDIR /var/lib/streamgauge
VOLUME /var/lib/streamgauge
EXPOSE 8420
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/streamgauge"]
CMD ["serve"]
# The start waits for Kafka and may compile machine code.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/bin/streamgauge", "health"]

# From what .ci/image.sh has put together: usr/bin/streamgauge, usr/bin/streamgauge.aot, usr/share/licenses.
FROM base AS runtime-from-binary
COPY target/image/ /

FROM ${RUST} AS build
RUN set -eu; \
    apt-get -q update; \
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends g++ make pkg-config libssl-dev zlib1g-dev python3
WORKDIR /src
COPY . .
RUN make build && .ci/pack.sh /out

FROM base AS runtime
COPY --from=build /out/ /
