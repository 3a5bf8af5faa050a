"""The yardstick of the night's benchmark: one DuckDB script, written by hand for the demo's files.

It does the same work from the same files: raw Parquet with row number and hash, typed facts, the
class tables, the published copies. It knows the files' headers by heart, keeps no versions, checks
nothing and reports nothing: what Kefen adds is what the ratio pays for.
"""

import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb

AS_OF = "date '2026-11-20'"
ZOHO = {
    "accounts": "Accounts",
    "contacts": "Contacts",
    "leads": "Leads",
    "deals": "Deals",
    "stage_history": "PotStageHistory",
    "orders": "Sales_Orders",
}
FXIAOKE = {
    "accounts": "AccountObj",
    "contacts": "ContactObj",
    "leads": "LeadsObj",
    "deals": "NewOpportunityObj",
    "orders": "SalesOrderObj",
    "returns": "ReturnedGoodsInvoiceObj",
    "refunds": "RefundObj",
}


def land(con: duckdb.DuckDBPyConnection, exports: Path, out: Path) -> None:
    """Files to raw Parquet, all text, with row number and hash."""
    raw = out / "raw"
    unzipped = out / "unzipped"
    raw.mkdir(parents=True)
    for archive in sorted((exports / "zoho").glob("*/Data_*.zip")):
        with zipfile.ZipFile(archive) as content:
            content.extractall(unzipped)
    for kind, stem in ZOHO.items():
        files = f"{unzipped}/{stem}_*.csv"
        _land(con, f"read_csv('{files}', all_varchar = true, header = true)", raw, "zoho", kind)
    for kind, stem in FXIAOKE.items():
        file = next((exports / "fxiaoke").glob(f"*/{stem}.jsonl"))
        keys = [
            row[0]
            for row in con.execute(
                f"select distinct unnest(json_keys(json)) from read_json_objects('{file}', "
                "format = 'newline_delimited') limit 200"
            ).fetchall()
        ]
        columns = ", ".join(f"'{key}': 'VARCHAR'" for key in keys)
        reader = f"read_json('{file}', format = 'newline_delimited', columns = {{{columns}}})"
        _land(con, reader, raw, "fxiaoke", kind)


def _land(con: duckdb.DuckDBPyConnection, reader: str, raw: Path, source: str, kind: str) -> None:
    names = [row[0] for row in con.execute(f"describe from {reader}").fetchall()]
    text = ", ".join(f'"{name}"' for name in names)
    con.execute(
        f"copy (select row_number() over () as _row_number, "
        f"md5(concat_ws('|', {text})) as _content_hash, * from {reader}) "
        f"to '{raw}/{source}_{kind}.parquet' (format parquet, compression zstd, "
        "compression_level 1)"
    )


def _bare(column: str) -> str:
    return f"""replace("{column}", 'zcrm_', '')"""


def _ms(column: str) -> str:
    return f"(epoch_ms({column}::bigint) + interval 8 hour)"


def facts(con: duckdb.DuckDBPyConnection, out: Path) -> None:
    """Typed facts and dimensions, keys hashed, both systems together."""
    raw = f"{out}/raw"
    con.execute(f"""
        create table dim_customer as
        select md5('zoho|accounts|' || {_bare("Record Id")}) as customer_key, 'zoho' as crm_source,
            "Account Name" as customer_name, lower("Customer Type") as customer_type,
            md5('zoho|users|' || {_bare("Account Owner.id")}) as owner_key,
            "Billing State" as province, "Billing City" as city, "Billing Country" as country,
            "Industry" as industry, "Account Source" as source_channel,
            "Created Time"::timestamp::date as created_date
        from '{raw}/zoho_accounts.parquet'
        union all
        select md5('zoho|contacts|' || {_bare("Record Id")}), 'zoho', "Contact Name", 'individual',
            md5('zoho|users|' || {_bare("Contact Owner.id")}), "Mailing State", "Mailing City",
            "Mailing Country", null, "Lead Source", "Created Time"::timestamp::date
        from '{raw}/zoho_contacts.parquet' where "Account Name.id" is null
        union all
        select md5('fxiaoke|accounts|' || _id), 'fxiaoke', name,
            case customer_type__c when '个人' then 'individual' else 'company' end,
            md5('fxiaoke|users|' || owner), province__r, city__r, country__r, null,
            account_source__r, {_ms("create_time")}::date
        from '{raw}/fxiaoke_accounts.parquet' where life_status <> 'invalid'
    """)
    con.execute(f"""
        create table dim_contact as
        select md5('zoho|contacts|' || {_bare("Record Id")}) as contact_key,
            md5('zoho|accounts|' || {_bare("Account Name.id")}) as customer_key,
            "Contact Name" as contact_name, "Title" as title, "Phone" as phone,
            "Mobile" as mobile, "Email" as email
        from '{raw}/zoho_contacts.parquet'
        union all
        select md5('fxiaoke|contacts|' || _id), md5('fxiaoke|accounts|' || account_id), name,
            job_title, null, mobile1, email
        from '{raw}/fxiaoke_contacts.parquet'
    """)
    con.execute(f"""
        create table fct_orders as
        select md5('zoho|orders|' || {_bare("Record Id")}) as order_key,
            coalesce(
                md5('zoho|accounts|' || {_bare("Account Name.id")}),
                md5('zoho|contacts|' || {_bare("Contact Name.id")})
            ) as customer_key,
            'zoho' as crm_source, {_bare("Record Id")} as order_id, "SO Number" as document_number,
            md5('zoho|users|' || {_bare("Sales Order Owner.id")}) as owner_key,
            coalesce("Order Date"::date, "Created Time"::timestamp::date) as order_date,
            ("Sub Total"::decimal(18, 6) * "Exchange Rate"::decimal(18, 6))::decimal(18, 2)
                as gross_base,
            ("Grand Total"::decimal(18, 6) * "Exchange Rate"::decimal(18, 6))::decimal(18, 2)
                as net_base,
            "Currency" as currency, "Sales Channel" as channel, "Status" as status,
            "Status" in ('Approved', 'Delivered') and "Grand Total"::decimal(18, 2) > 0
                as is_counted
        from '{raw}/zoho_orders.parquet'
        union all
        select md5('fxiaoke|orders|' || _id), md5('fxiaoke|accounts|' || account_id), 'fxiaoke',
            _id, name, md5('fxiaoke|users|' || owner), {_ms("order_time")}::date,
            product_amount::decimal(18, 2), order_amount::decimal(18, 2), 'CNY',
            order_channel__c__r, order_status__r,
            life_status in ('normal', 'in_change')
            and order_status__r in ('已确认', '已发货', '已收货', '已完成')
            and order_amount::decimal(18, 2) > 0
        from '{raw}/fxiaoke_orders.parquet'
    """)
    con.execute(f"""
        create table fct_refunds as
        with returns as (
            select _id, account_id, order_id, {_ms("returned_goods_time")}::date as refund_date,
                returned_goods_inv_amount::decimal(18, 2) as amount_base
            from '{raw}/fxiaoke_returns.parquet' where life_status = 'normal'
        )

        select md5('fxiaoke|returns|' || _id) as refund_key,
            md5('fxiaoke|accounts|' || account_id) as customer_key,
            md5('fxiaoke|orders|' || order_id) as order_key, refund_date, amount_base
        from returns
        union all
        select md5('fxiaoke|refunds|' || _id), md5('fxiaoke|accounts|' || account_id),
            md5('fxiaoke|orders|' || order_id), {_ms("refunded_time")}::date,
            refunded_amount::decimal(18, 2)
        from '{raw}/fxiaoke_refunds.parquet'
        where order_id not in (select order_id from returns)
    """)
    con.execute(f"""
        create table fct_deals as
        select md5('zoho|deals|' || {_bare("Record Id")}) as deal_key,
            md5('zoho|accounts|' || {_bare("Account Name.id")}) as customer_key,
            "Stage" as crm_stage,
            case when "Stage" = 'Closed Won' then 'won' when "Stage" like 'Closed Lost%' then 'lost'
                when "Stage" = 'Qualification' then 'prospect'
                when "Stage" in ('Proposal/Price Quote', 'Negotiation/Review') then 'negotiation'
                else 'intent' end as stage,
            "Amount"::decimal(18, 2) as amount_base, "Closing Date"::date as close_date,
            "Created Time"::timestamp::date as created_date, null as lead_key
        from '{raw}/zoho_deals.parquet'
        union all
        select md5('fxiaoke|deals|' || _id), md5('fxiaoke|accounts|' || account_id),
            sales_stage__r,
            case when sales_status = '赢单' then 'won' when sales_status in ('输单', '无效')
                then 'lost' when sales_stage__r = '验证客户' then 'prospect'
                when sales_stage__r = '需求确定' then 'intent' else 'negotiation' end,
            amount::decimal(18, 2), {_ms("close_date")}::date, {_ms("create_time")}::date,
            md5('fxiaoke|leads|' || leads_id)
        from '{raw}/fxiaoke_deals.parquet'
    """)
    con.execute(f"""
        create table leads as
        select md5('zoho|leads|' || {_bare("Record Id")}) as lead_key, "Lead Status" as status,
            "Is Converted" = 'true' as is_converted,
            "Converted Date Time"::timestamp::date as converted_date,
            md5('zoho|deals|' || {_bare("Converted Deal.id")}) as deal_key,
            "Created Time"::timestamp::date as created_date, "Lead Source" as source_channel
        from '{raw}/zoho_leads.parquet'
        union all
        select md5('fxiaoke|leads|' || _id), biz_status, transform_time is not null,
            {_ms("transform_time")}::date, md5('fxiaoke|deals|' || new_opportunity_id),
            {_ms("create_time")}::date, source__r
        from '{raw}/fxiaoke_leads.parquet'
    """)
    con.execute(f"""
        create table stage_history as
        select md5('zoho|deals|' || {_bare("Potential ID")}) as deal_key, "Stage" as stage,
            "Last Modified Time"::timestamp as left_at
        from '{raw}/zoho_stage_history.parquet'
    """)


def classes(con: duckdb.DuckDBPyConnection) -> None:
    """The class tables of the first set."""
    con.execute(f"""
        create table days as
        select customer_key, day, sum(orders) as orders, sum(amount) as amount from (
            select customer_key, order_date as day, 1 as orders, net_base as amount
            from fct_orders where is_counted and order_date <= {AS_OF}
            union all
            select customer_key, refund_date, 0, -amount_base from fct_refunds
            where refund_date <= {AS_OF}
        ) group by customer_key, day
    """)
    con.execute(f"""
        create table metrics as
        select days.customer_key, min(day) filter (where orders > 0) as first_day,
            max(day) filter (where orders > 0) as last_day,
            count(*) filter (where orders > 0) as purchase_days,
            count(*) filter (where orders > 0 and day > {AS_OF} - 365) as frequency,
            coalesce(sum(amount) filter (where day > {AS_OF} - 365), 0) as monetary_base,
            coalesce(sum(amount) filter (where day > {AS_OF} - 180), 0) as a1,
            count(*) filter (where orders > 0 and day > {AS_OF} - 180) as n1,
            coalesce(sum(amount) filter (where day > {AS_OF} - 360 and day <= {AS_OF} - 180), 0)
                as a0,
            count(*) filter (where orders > 0 and day > {AS_OF} - 360 and day <= {AS_OF} - 180)
                as n0
        from days semi join dim_customer using (customer_key) group by days.customer_key
    """)
    con.execute("""
        create table cadence as
        select customer_key, quantile_cont(gap, 0.5) as cadence_days from (
            select customer_key, day - lag(day) over (partition by customer_key order by day) as gap
            from days semi join (select customer_key from metrics where purchase_days >= 3)
                using (customer_key)
            where orders > 0
        ) where gap is not null group by customer_key
    """)
    con.execute(f"""
        create table customer_rfm as
        with base as (
            select customer_key, last_day, ({AS_OF} - last_day)::int as recency_days, frequency,
                monetary_base
            from metrics where purchase_days > 0
        ), cuts as (
            select quantile_cont(recency_days, [0.2, 0.4, 0.6, 0.8]) as r,
                quantile_cont(frequency, [0.2, 0.4, 0.6, 0.8]) as f,
                quantile_cont(monetary_base::double, [0.2, 0.4, 0.6, 0.8]) as m
            from base where frequency > 0
        ), scored as (
            select base.*,
                5 - ((recency_days > r[1])::int + (recency_days > r[2])::int
                    + (recency_days > r[3])::int + (recency_days > r[4])::int) as r_score,
                1 + (frequency > f[1])::int + (frequency > f[2])::int + (frequency > f[3])::int
                    + (frequency > f[4])::int as f_score,
                1 + (monetary_base > m[1])::int + (monetary_base > m[2])::int
                    + (monetary_base > m[3])::int + (monetary_base > m[4])::int as m_score
            from base, cuts
        )

        select *, r_score::varchar || f_score || m_score as rfm_code,
            case when m_score > avg(m_score) over () then 'important_' else 'general_' end
            || case
                when r_score > avg(r_score) over () and f_score > avg(f_score) over () then 'value'
                when r_score > avg(r_score) over () then 'develop'
                when f_score > avg(f_score) over () then 'keep' else 'winback' end as rfm_class
        from scored
    """)
    con.execute("""
        create table customer_abc as
        with amounts as (
            select monetary_base, sum(monetary_base) as total from metrics
            where purchase_days > 0 and monetary_base > 0 group by monetary_base
        ), running as (
            select monetary_base, coalesce(sum(total) over (order by monetary_base desc
                rows between unbounded preceding and 1 preceding), 0) as before,
                sum(total) over () as in_all
            from amounts
        )

        select customer_key, metrics.monetary_base, before / in_all as share_before,
            case when before * 100 < in_all * 80 then 'A' when before * 100 < in_all * 95 then 'B'
                else 'C' end as abc_tier
        from metrics left join running using (monetary_base) where purchase_days > 0
    """)
    con.execute(f"""
        create table customer_lifecycle as
        with tiers as (
            select abc_tier, quantile_cont(cadence_days, 0.5) as tier_days
            from cadence join customer_abc using (customer_key) group by abc_tier
        ), joined as (
            select c.customer_key, coalesce(m.purchase_days, 0) as purchase_days, m.frequency,
                ({AS_OF} - coalesce(m.first_day, c.created_date))::int as tenure_days,
                ({AS_OF} - m.last_day)::int as recency_days, m.a1, m.n1, m.a0, m.n0,
                coalesce(g.cadence_days, tier_days, 90) as cadence_days,
                open_deals.customer_key is not null as has_open_deal
            from dim_customer as c left join metrics as m using (customer_key)
            left join customer_abc as a using (customer_key)
            left join cadence as g using (customer_key)
            left join tiers on a.abc_tier = tiers.abc_tier
            left join (
                select distinct customer_key from fct_deals where stage not in ('won', 'lost')
            ) as open_deals on c.customer_key = open_deals.customer_key
        ), staged as (
            select *, case
                when purchase_days = 0 then if(has_open_deal, 'exploration', 'not_applicable')
                when recency_days > greatest(2 * cadence_days, 60)
                    or (n0 >= 2 and a0 > 0 and a1 < 0.5 * a0) then 'decline'
                when purchase_days <= 1 or tenure_days <= 90 then 'exploration'
                when purchase_days >= 5 and tenure_days >= 365
                    and recency_days <= 1.5 * cadence_days then 'maturity'
                else 'formation' end as relationship_stage
            from joined
        )

        select *, case when purchase_days = 0 then 'prospect'
            when recency_days > greatest(180, 3 * cadence_days) then 'churned'
            when tenure_days <= 90 then 'new' when relationship_stage = 'decline' then 'declining'
            when n0 >= 1 and a0 > 0 and n1 >= 2 and a1 >= 1.2 * a0 then 'growing'
            else 'stable' end as customer_status,
            case when frequency >= 4 and recency_days <= 90 then 'loyal'
                when purchase_days >= 1 then 'purchase' when has_open_deal then 'intent'
                else 'first_contact' end as prospect_stage
        from staged
    """)
    con.execute("""
        create table customer_classification as
        select c.customer_key, c.customer_name, c.owner_key, coalesce(r.rfm_class, 'not_applicable')
            as rfm_class, coalesce(r.rfm_code, 'not_applicable') as rfm_code,
            coalesce(a.abc_tier, 'not_applicable') as abc_tier, l.relationship_stage,
            l.customer_status, l.prospect_stage, c.customer_type
        from dim_customer as c join customer_lifecycle as l using (customer_key)
        left join customer_rfm as r using (customer_key)
        left join customer_abc as a using (customer_key)
    """)
    con.execute(
        f"create table customer_classification_history as select {AS_OF} as as_of_date, * "
        "from customer_classification"
    )
    con.execute(f"""
        create table fct_stage_events as
        select deal_key as journey_key, stage, left_at::date as entered_date from stage_history
        union all
        select deal_key, stage, coalesce(close_date, created_date) from fct_deals
        where created_date <= {AS_OF}
        union all
        select lead_key, if(is_converted, 'intent', 'prospect'),
            coalesce(converted_date, created_date) from leads
    """)
    con.execute("""
        create table funnel_conversion as
        with journeys as (
            select coalesce(l.lead_key, d.lead_key, d.deal_key) as journey_key,
                max(case d.stage when 'won' then 4 when 'negotiation' then 3 when 'intent' then 2
                    else if(l.is_converted, 2, 1) end) as furthest,
                bool_or(d.stage = 'lost') as is_lost, min(l.created_date) as started
            from fct_deals as d full join leads as l on d.deal_key = l.deal_key group by 1
        )

        select date_trunc('month', started) as cohort, step, count(*) as entered,
            count(*) filter (where furthest > step) as advanced,
            count(*) filter (where furthest <= step and is_lost) as lost
        from journeys, unnest([1, 2, 3]) as steps(step) where furthest >= step group by all
    """)


def publish(con: duckdb.DuckDBPyConnection, out: Path) -> None:
    """Parquet per table, and a fresh database file."""
    target = out / "published"
    target.mkdir()
    tables = [row[0] for row in con.execute("show tables").fetchall()]
    con.execute(f"attach '{target}/fresh.duckdb' as fresh (storage_version 'v1.2.0')")
    for table in tables:
        con.execute(
            f"copy {table} to '{target}/{table}.parquet' (format parquet, compression zstd, "
            "compression_level 1)"
        )
        con.execute(f"create table fresh.main.{table} as from {table}")
    con.execute("checkpoint fresh")


def run(
    exports: Path, out: Path, *, memory_limit: str = "8GB", threads: int = 2
) -> dict[str, float]:
    """Run the script; give the seconds per step."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    seconds: dict[str, float] = {}
    with duckdb.connect(
        str(out / "baseline_work.duckdb"),
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            "preserve_insertion_order": True,
            "temp_directory": str(out / "tmp"),
        },
    ) as con:
        steps: list[tuple[str, Callable[[], None]]] = [
            ("load", lambda: land(con, exports, out)),
            ("facts", lambda: facts(con, out)),
            ("classes", lambda: classes(con)),
            ("publish", lambda: publish(con, out)),
        ]
        for name, step in steps:
            started = time.monotonic()
            step()
            seconds[name] = time.monotonic() - started
    return seconds


if __name__ == "__main__":
    for step, duration in run(Path(sys.argv[1]), Path(sys.argv[2])).items():
        sys.stdout.write(f"{step:10s} {duration:8.1f} s\n")
