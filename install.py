"""Make the environment .venv from requirements.lock; `make environment` calls it with any Python from 3.11 on."""

import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def main():
    """Create, install, register the kernel; `ready` is written last, so an incomplete environment is made again."""
    if sys.version_info < (3, 11):
        found = sys.version.split()[0]
        return (
            f"error: grfkit needs Python 3.11 or later; found {found}. Use a newer one: python3.12 install.py, or "
            "make BOOT=python3.12"
        )
    start = time.perf_counter()
    print("making the environment in .venv (this takes some minutes the first time)", flush=True)
    try:
        venv.create(
            ENVIRONMENT, with_pip=True, symlinks=sys.platform != "win32"
        )  # as `python -m venv` does; an existing .venv is completed
        pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", HERE / "requirements.lock"], check=True)
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", HERE], check=True)
        kernel = [
            PYTHON,
            "-m",
            "ipykernel",
            "install",
            "--sys-prefix",
            "--name",
            "python3",
            "--display-name",
            "Python 3 (grfkit)",
        ]
        subprocess.run(kernel, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"error: the environment could not be made: {error}. Delete .venv and try again."
    (ENVIRONMENT / "ready").touch()
    print(f"environment  {time.perf_counter() - start:.1f} s  -> .venv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
