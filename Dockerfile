# CPU:   docker build -t avis .
#        docker run --rm -v "$PWD:/data" avis doctor
# CUDA:  docker build -t avis:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .
#        docker run --rm --gpus all -v "$PWD:/data" avis:cuda doctor
#
# PYTHON   3.10 to 3.12; mediapipe, which avtracker_offline needs, has no wheel for 3.13.
# EXTRAS   extras of setup.py, separated by commas: requirements/*.txt.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=offline

# OpenCV needs these; the wheels of PyAV, soundfile and torch contain their libraries.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

WORKDIR /opt/avis
COPY requirements requirements
# torch and torchaudio with one version from one index; CUDA wheels contain the CUDA libraries.
RUN pip install --index-url "${TORCH_INDEX}" torch torchaudio torchvision
RUN pip install --no-deps -r requirements/no_deps.txt

COPY . .
RUN pip install ".[${EXTRAS}]" && avis doctor

WORKDIR /data
ENTRYPOINT ["avis"]
CMD ["--help"]
