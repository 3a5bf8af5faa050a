"""The dbt command as a child of a run: it ends when the run that started it is gone.

A run that is killed, or that fails because nothing can be written any more, lets go of the writer's
lock at once. A child that went on would hold the working database, and write to it, while the next
run works.
"""

import os
import threading
import time

# The environment variable with the process that the child belongs to.
PARENT = "KEFEN_DBT_PARENT"
LOOK_SECONDS = 0.1
ORPHANED = 70


def end_with(parent: int) -> None:
    """End this process as soon as its parent is another one than the given process."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main() -> None:
    """Run dbt with the arguments of this process. Raises KeyError without a parent."""
    end_with(int(os.environ[PARENT]))
    # After the watch: loading dbt takes seconds, in which the parent may die.
    from dbt.cli.main import cli  # noqa: PLC0415

    if os.environ.get("KEFEN_ENGINE") == "spark":
        from dagster_project.transform.spark_session import join_session  # noqa: PLC0415

        join_session()
    cli(prog_name="dbt")


if __name__ == "__main__":
    main()
