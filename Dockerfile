# Prediction service of one model, on the CPU. Build: docker build -t redcore . ; see docs/serving.md
FROM python:3.11-slim-bookworm AS build

WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE CHANGELOG.md CITATION.cff ./
COPY src ./src
# the CPU build of torch is a tenth of the size of the default one
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN python -m venv /venv \
    && torch="$(grep '^torch==' constraints.txt)" \
    && /venv/bin/pip install --no-cache-dir --index-url "$TORCH_INDEX" "$torch" \
    && /venv/bin/pip install --no-cache-dir -c constraints.txt '.[serve]'

FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="redcore" \
      org.opencontainers.image.description="Prediction service of a redcore model" \
      org.opencontainers.image.licenses="BSD-3-Clause"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin redcore
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib
USER 10001
EXPOSE 8000
# the service answers only with a key, from the variable REDCORE_API_KEY, and /health needs none
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["redcore", "serve"]
CMD ["/model", "--host", "0.0.0.0", "--port", "8000"]
