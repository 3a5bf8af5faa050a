"""Settings: `kefen.yml`, read and checked once, handed around as a frozen value.

What belongs here: the shape of the file, defaults, and the folders below `KEFEN_HOME`.
What does not: anything that opens a database or reads an export.
"""

import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

PROJECT_DIR = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """kefen.yml cannot be used; the message names the file and each key at fault."""


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = f"unknown time zone {name!r}; use an IANA name such as Asia/Shanghai"
        raise ValueError(message) from error
    return name


def _currency(code: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", code):
        message = f"{code!r} is not an ISO 4217 code such as CNY or USD"
        raise ValueError(message)
    return code


def _size(text: str) -> str:
    bytes_of(text)
    return text


def bytes_of(size: str) -> int:
    """Read a size as DuckDB writes it: 500MB, 2GiB. Raises ValueError naming it."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?\s*", size, re.IGNORECASE)
    if not match:
        message = f"{size!r} is not a size such as 500MiB or 2GB"
        raise ValueError(message)
    step = 1024 if match[3] else 1000
    return int(float(match[1]) * step ** " KMGT".index(match[2].upper() or " "))


def _own_schema(name: str) -> str:
    taken = name in {"public", "information_schema"} or name.startswith("pg_")
    if taken or not re.fullmatch(r"[a-z][a-z0-9_]{0,29}", name):
        message = (
            f"{name!r} cannot be the schema, which is replaced as a whole every night; expected a "
            "name of its own, 1-30 of a-z, 0-9 and _, such as kefen"
        )
        raise ValueError(message)
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]
Currency = Annotated[str, AfterValidator(_currency)]
Size = Annotated[str, AfterValidator(_size)]
Cron = Annotated[str, Field(pattern=r"^\S+( \S+){4}$")]
EnvironmentVariable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
DateOrder = Literal["ymd", "mdy", "dmy"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HeaderMap(_Strict):
    """How one kind of file of a source is recognised and read.

    columns: canonical field -> the header spellings that mean it, first present wins.
    id: fields that make up the record id; "row" = content hash and its n-th occurrence.
    """

    kind: str
    stems: list[str] = []
    required: list[str] = []
    id: list[str] | Literal["row"] = ["id"]
    columns: dict[str, list[str]]
    constants: dict[str, str] = {}
    ignore: list[str] = []


class Source(_Strict):
    """One CRM or feed: where its drops lie and how they are read."""

    format: Literal["zoho", "fxiaoke", "feeds", "custom"] = "custom"
    path: Path
    mode: Literal["full", "delta"] = "full"
    export_date: date | None = None
    export_date_shift_days: int = 0
    time_zone: TimeZone = "Asia/Shanghai"
    currency: Currency | None = None
    rate_direction: Literal["base_per_unit", "unit_per_base"] = "base_per_unit"
    money: Literal["orders", "invoices", "deals"] | None = None
    net_of_tax: bool = False
    expected_every_days: int = Field(default=1, ge=1)
    on_critical: Literal["block", "use_last_good"] = "block"
    accept_deletions: list[date] = []
    date_order: DateOrder | None = None
    date_orders: dict[str, DateOrder] = {}
    delimiter: str | None = None
    encoding: str | None = None
    header_maps: list[HeaderMap] = []
    enum_maps: dict[str, dict[str, str]] = {}


class Rfm(_Strict):
    """Recency, frequency, monetary: bins, measures, scores and the split into eight classes.

    scoring: quantile = value > cut point; r_rfm = the R package's quantile + 1, [lower, upper);
    ntile = equal counts, for comparison only: equal values may differ. Rows of the seed
    rfm_cut_points in force on a date replace that night's quantiles: fixed or frozen thresholds.
    split: a measure is high if its score is above the mean score, its value above the mean value,
    or its value beyond the thresholds rfm_split_… of the seed class_thresholds.
    """

    bins: int = Field(default=5, ge=3, le=10)
    frequency: Literal["purchase_days", "orders"] = "purchase_days"
    monetary: Literal["net", "average_order", "margin"] = "net"
    scoring: Literal["quantile", "r_rfm", "ntile"] = "quantile"
    split: Literal["score_mean", "value_mean", "fixed"] = "score_mean"


class Abc(_Strict):
    """ABC tiers: how they are cut, and for how many days the best tier holds."""

    preset: Literal["share", "value_index"] = "share"
    hysteresis_days: int = Field(default=1, ge=1, le=92)


class Postgres(_Strict):
    """A PostgreSQL database that holds the newest publication too.

    url_env: the environment variable with the connection URL; credentials stand nowhere else.
    schema: belongs to Kefen alone; each night replaces it as a whole.
    required: whether a night fails, with nothing published, if the database cannot be written.
    """

    model_config = ConfigDict(populate_by_name=True)

    url_env: str = Field(default="KEFEN_POSTGRES_URL", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    # Not `schema`: pydantic's models have an attribute of that name.
    schema_name: Annotated[str, AfterValidator(_own_schema)] = Field(
        default="kefen", alias="schema"
    )
    required: bool = True


class Publish(_Strict):
    """How much is kept beside the newest publication, and how much of the history readers get.

    history_rows: a history with more rows is cut in kefen.duckdb to the last 7 days and month ends;
    its Parquet partitions hold all of it. postgres: where else it goes.
    """

    keep_runs: int = Field(default=7, ge=1)
    history_rows: int = Field(default=20_000_000, ge=1)
    postgres: Postgres | None = None


class History(_Strict):
    """How long the classes of a date are kept.

    daily_days: every date of so many days, counted from the newest; null = for ever. Month ends
    and dates of a backfill stay.
    """

    daily_days: int | None = Field(default=90, ge=1)


class Backfill(_Strict):
    """How much history is computed at once; max_rows: customers x dates in memory together."""

    max_rows: int = Field(default=5_000_000, ge=1)


class DuckDB(_Strict):
    """Limits of the embedded database; memory_limit null = 60 % of the machine's memory."""

    threads: int | None = Field(default=None, ge=1)
    memory_limit: Size | None = None


class Spark(_Strict):
    """Where the models run when engine is spark.

    method: session = in the run's own Spark session, on master (local[*], spark://host:7077 …);
    thrift = dbt talks to a Thrift server at host:port, which shares metastore and warehouse with
    the sessions of the other steps. warehouse: folder of the tables, default <home>/work/spark.
    conf: further Spark properties, which win.
    """

    method: Literal["session", "thrift"] = "session"
    master: str = "local[*]"
    warehouse: Path | None = None
    host: str = "localhost"
    port: int = Field(default=10000, ge=1, le=65535)
    user: str | None = None
    conf: dict[Annotated[str, Field(pattern=r"^spark\.[^\s]+$")], str] = {}


class Schedule(_Strict):
    """When nights start and by when they are expected, as cron lines in the business time zone."""

    nightly: Cron = "0 2 * * *"
    ready_by: Cron = "0 8 * * *"


class Limits(_Strict):
    """What a run must find and may take; sizes such as 500MiB or 2GiB.

    disk_factor: free disk asked for, per byte of new drops, beside room for another copy of the
    working database and of the publication; for each of these, too, where there is none yet.
    max_runtime_minutes: null = no limit.
    """

    disk_factor: float = Field(default=1, ge=0)
    min_free_disk: Size = "1GiB"
    min_free_memory: Size = "512MiB"
    max_runtime_minutes: float | None = Field(default=360, gt=0)


class Dagster(_Strict):
    """Where Dagster keeps its runs: SQLite below the home, or PostgreSQL.

    postgres_url_env: the environment variable that holds postgresql://user:password@host/database.
    """

    postgres_url_env: EnvironmentVariable | None = None


NoticeLevel = Literal["failure", "warning", "success"]


class _Channel(_Strict):
    on: list[NoticeLevel] = Field(default=["failure", "warning"], min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _on_is_a_word(cls, content: Any) -> Any:  # noqa: ANN401
        # YAML 1.1 reads the key `on` as true.
        if isinstance(content, dict) and True in content:
            return {("on" if key is True else key): value for key, value in content.items()}
        return content


class Webhook(_Channel):
    """A group robot or any receiver of JSON.

    url_env: the environment variable that holds the address, which is a secret.
    secret_env: the one that holds the signing secret (加签) of feishu and dingtalk, if it is on.
    """

    kind: Literal["webhook"]
    format: Literal["json", "wecom", "feishu", "dingtalk", "slack"] = "json"
    url_env: EnvironmentVariable
    secret_env: EnvironmentVariable | None = None

    @model_validator(mode="after")
    def _signs(self) -> "Webhook":
        if self.secret_env and self.format not in {"feishu", "dingtalk"}:
            message = f"secret_env: {self.format} does not sign; only feishu and dingtalk do"
            raise ValueError(message)
        return self


class Email(_Channel):
    """Mail by SMTP; with `tls: ssl` from the first byte, else STARTTLS unless it is `none`."""

    kind: Literal["email"]
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "ssl", "none"] = "starttls"
    user: str | None = None
    password_env: EnvironmentVariable | None = None
    sender: str
    to: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_both(self) -> "Email":
        if (self.user is None) != (self.password_env is None):
            message = "user and password_env: set both, or neither"
            raise ValueError(message)
        return self


class Settings(_Strict):
    """The whole of kefen.yml, with `home` resolved to an absolute folder."""

    demo: bool = False
    demo_customers: int = Field(default=2000, ge=1)
    home: Path = Path("data")
    business_time_zone: TimeZone = "Asia/Shanghai"
    base_currency: Currency = "CNY"
    window_days: int | None = Field(default=365, ge=1)
    lookback_days: int = Field(default=0, ge=0)
    count_zero_value: bool = False
    rfm: Rfm = Rfm()
    abc: Abc = Abc()
    publish: Publish = Publish()
    backfill: Backfill = Backfill()
    history: History = History()
    schedule: Schedule = Schedule()
    limits: Limits = Limits()
    notices: list[Annotated[Webhook | Email, Field(discriminator="kind")]] = []
    dagster: Dagster = Dagster()
    engine: Literal["duckdb", "spark"] = "duckdb"
    duckdb: DuckDB = DuckDB()
    spark: Spark = Spark()
    sources: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Source]

    @model_validator(mode="after")
    def _has_sources(self) -> "Settings":
        if not self.sources:
            message = "sources: at least one source is needed"
            raise ValueError(message)
        return self

    @property
    def raw_dir(self) -> Path:
        """Immutable Parquet by source, kind, export date and revision."""
        return self.home / "raw"

    @property
    def work_dir(self) -> Path:
        """The working database and what can be rebuilt from raw."""
        return self.home / "work"

    @property
    def work_db(self) -> Path:
        """The working DuckDB file; no schema in it may be called like the file."""
        return self.work_dir / "kefen_work.duckdb"

    @property
    def validations_dir(self) -> Path:
        """What Great Expectations said in this run, by stage and table, for the docs."""
        return self.work_dir / "validations"

    @property
    def published_dir(self) -> Path:
        """What readers open."""
        return self.home / "published"

    @property
    def report_dir(self) -> Path:
        """Run summaries for people."""
        return self.home / "report"

    def source_dir(self, name: str) -> Path:
        """Give the folder (or single file) that holds a source's drops.

        $KEFEN_EXPORTS_<SOURCE> points elsewhere, for data that lies outside the home folder.
        """
        elsewhere = os.environ.get(f"KEFEN_EXPORTS_{name.upper()}")
        path = Path(elsewhere) if elsewhere else self.sources[name].path
        return path if path.is_absolute() else self.home / path


def load_settings(path: Path | None = None, *, home: Path | None = None) -> Settings:
    """Read and check kefen.yml.

    path: defaults to $KEFEN_CONFIG, else kefen.yml beside the project.
    home: defaults to $KEFEN_HOME, else the file's `home`, relative to the project folder.
    Raises SettingsError naming the file and every key at fault.
    """
    path = path or Path(os.environ.get("KEFEN_CONFIG") or PROJECT_DIR / "kefen.yml")
    if not path.is_absolute() and not path.exists():
        path = PROJECT_DIR / path
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"settings file {path}: {error.strerror}; set KEFEN_CONFIG or create it"
        raise SettingsError(message) from error
    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = f"settings file {path} is not YAML: {error}"
        raise SettingsError(message) from error
    if not isinstance(content, dict):
        message = f"settings file {path}: expected keys and values, found {type(content).__name__}"
        raise SettingsError(message)
    env_home = os.environ.get("KEFEN_HOME")
    chosen = home or (Path(env_home) if env_home else Path(content.get("home", "data")))
    content["home"] = str(chosen if chosen.is_absolute() else PROJECT_DIR / chosen)
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in e['loc']) or '(file)'}: {e['msg']}"
            for e in error.errors()
        ]
        message = f"settings file {path}:\n" + "\n".join(lines)
        raise SettingsError(message) from error
