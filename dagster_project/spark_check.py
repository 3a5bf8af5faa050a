"""Is there a Java that Spark can run on? `python -m dagster_project.spark_check` tells.

Only the standard library: this runs before the spark extra is installed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = 17
HINT = (
    "install Java 17, for example `apt-get install openjdk-17-jre-headless` or "
    "`brew install openjdk@17`, and point JAVA_HOME to it if it is not the default"
)


class JavaError(Exception):
    """Spark cannot run here; the message says what was found and what to do."""


def java_command() -> str | None:
    """Find the java that Spark will start: that of JAVA_HOME, else the one on the PATH."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else shutil.which("java")


def java_version(output: str) -> int | None:
    """Read the major version in what `java -version` says; null if it does not say one."""
    found = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(found[1]) if found else None


def check_java() -> str:
    """Give the path of a java that Spark can run on.

    Raises JavaError.
    """
    command = java_command()
    if command is None:
        raise JavaError(f"no java was found on the PATH, Spark needs Java {NEEDED}: {HINT}")
    try:
        done = subprocess.run([command, "-version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise JavaError(
            f"{command} cannot be started ({error.strerror}), Spark needs Java {NEEDED}: {HINT}"
        ) from error
    said = (done.stderr + done.stdout).strip()
    version = java_version(said)
    if version is None or version < NEEDED:
        first = said.splitlines()[0] if said else f"nothing, exit code {done.returncode}"
        raise JavaError(f"{command} -version says {first}, Spark needs Java {NEEDED}: {HINT}")
    return command


def main() -> int:
    """0 = Spark can run; 1 = it cannot, and why on the standard error."""
    try:
        check_java()
    except JavaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
