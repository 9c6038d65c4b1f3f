# The CPU image: docker build -f docker/cpu.Dockerfile -t muze:cpu .
# The lock's torch carries CUDA libraries that a CPU never loads; docs/install.md says how to leave them out.
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc g++ make \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/muze
COPY pyproject.toml requirements.lock README.md LICENSE Makefile ./
COPY schemas schemas
COPY featurizers featurizers
COPY pipeline pipeline
COPY training training
COPY jobs jobs
RUN make install PYTHON=python3.11 && rm -rf /root/.cache
ENV PATH=/opt/muze/.venv/bin:$PATH

RUN useradd --create-home muze
USER muze
WORKDIR /home/muze
ENTRYPOINT ["muze"]
CMD ["--help"]
