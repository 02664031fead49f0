# docker build --tag activezoo .
# docker run --rm --volume "$PWD/results:/activezoo/results" activezoo snakemake --cores 4
FROM python:3.11.13-slim-bookworm

# The lock first: the layer of its packages outlives an edit of the code.
WORKDIR /activezoo
COPY envs/requirements.txt envs/
RUN python -m pip install --no-cache-dir --no-deps --require-hashes --requirement envs/requirements.txt

COPY --chown=1000 . .
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && useradd --uid 1000 --create-home activezoo \
    && chown 1000 .
USER 1000
CMD ["snakemake", "--cores", "all"]
