# grfkit with the versions of requirements.lock, without CUDA. Binder uses this file as it is. With Docker:
#   docker build -t grfkit .
#   docker run --rm -p 8888:8888 grfkit                                            opens JupyterLab at the address that it prints
#   docker run --rm -v "$PWD/reports:/home/jovyan/grfkit/reports" grfkit make reproduce
# Before the last command, make the folder reports: if Docker makes it, it belongs to root. If you are not user 1000, build
# with --build-arg NB_UID=$(id -u).
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

# Binder gives the user's name; nothing runs as root
ARG NB_USER=jovyan
ARG NB_UID=1000
ENV USER=${NB_USER} HOME=/home/${NB_USER}
RUN useradd --create-home --uid ${NB_UID} ${NB_USER} && mkdir ${HOME}/grfkit && chown ${NB_UID} ${HOME}/grfkit
USER ${NB_USER}
WORKDIR ${HOME}/grfkit

# uv finds PyTorch's builds without CUDA. This is a layer of its own, because the lock changes less often than the project.
COPY --chown=${NB_UID} requirements.lock ./
RUN python -m venv .venv \
    && python -m pip install --no-cache-dir --user uv \
    && python -m uv pip install --no-cache --python .venv/bin/python --torch-backend=cpu -r requirements.lock

# `make environment` finds these packages and adds grfkit and its Jupyter kernel
COPY --chown=${NB_UID} . ./
RUN make environment
ENV PATH=${HOME}/grfkit/.venv/bin:${PATH}

EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]
