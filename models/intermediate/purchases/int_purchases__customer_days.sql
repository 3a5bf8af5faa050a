-- Grain: one row per customer × day with money × run of exports in which the day's money was known
-- as it is (known_from <= K < known_to). Several orders on one day are one purchase day.
-- Days whose documents never changed, by far the most, are one aggregate; the others are cut into
-- the runs of exports between changes.
{%- set money = [
    'net_base', 'refund_base', 'units', 'lines_base', 'costed_lines_base', 'cost_base',
    'online_base', 'offline_base',
] %}
with money_events as (
    select
        customer_key,
        order_date as event_date,
        case when is_counted then 1 else 0 end as orders,
        case when is_counted then net_base else cast(0 as decimal(18, 2)) end as net_base,
        case when is_refund then -net_base else cast(0 as decimal(18, 2)) end as refund_base,
        cast(0 as decimal(18, 2)) as units,
        cast(0 as decimal(18, 2)) as lines_base,
        cast(0 as decimal(18, 2)) as costed_lines_base,
        cast(0 as decimal(18, 2)) as cost_base,
        case
            when is_counted and channel_group = 'online' then net_base
            else cast(0 as decimal(18, 2))
        end as online_base,
        case
            when is_counted and channel_group = 'offline' then net_base
            else cast(0 as decimal(18, 2))
        end as offline_base,
        valid_from,
        valid_to
    from {{ ref('int_purchases__documents') }}
    where is_counted or is_refund
    union all
    select
        customer_key,
        refund_date as event_date,
        0 as orders,
        cast(0 as decimal(18, 2)) as net_base,
        amount_base as refund_base,
        cast(0 as decimal(18, 2)) as units,
        cast(0 as decimal(18, 2)) as lines_base,
        cast(0 as decimal(18, 2)) as costed_lines_base,
        cast(0 as decimal(18, 2)) as cost_base,
        cast(0 as decimal(18, 2)) as online_base,
        cast(0 as decimal(18, 2)) as offline_base,
        valid_from,
        valid_to
    from {{ ref('int_purchases__refunds') }}
    where is_counted
    union all
    select
        customer_key,
        event_date,
        0 as orders,
        cast(0 as decimal(18, 2)) as net_base,
        cast(0 as decimal(18, 2)) as refund_base,
        cast(units as decimal(18, 2)) as units,
        line_base as lines_base,
        case when cost_base is not null then line_base else cast(0 as decimal(18, 2)) end
            as costed_lines_base,
        coalesce(cost_base, cast(0 as decimal(18, 2))) as cost_base,
        cast(0 as decimal(18, 2)) as online_base,
        cast(0 as decimal(18, 2)) as offline_base,
        valid_from,
        valid_to
    from {{ ref('int_purchases__lines') }}
),

days as (
    select
        customer_key,
        event_date,
        sum(orders) as orders,
        {%- for measure in money %}
            sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        min(valid_from) as known_from,
        max(valid_from) as last_known_from,
        count(valid_to) as ended_versions
    from money_events
    group by customer_key, event_date
),

changed_days as (
    select
        customer_key,
        event_date
    from days
    where known_from <> last_known_from or ended_versions > 0
),

changes as (
    select
        money_events.customer_key,
        money_events.event_date,
        money_events.valid_from as changed_on,
        money_events.orders,
        {%- for measure in money %}
            money_events.{{ measure }},
        {%- endfor %}
        1 as versions
    from money_events
    inner join changed_days
        on
            money_events.customer_key = changed_days.customer_key
            and money_events.event_date = changed_days.event_date
    union all
    select
        money_events.customer_key,
        money_events.event_date,
        money_events.valid_to as changed_on,
        -money_events.orders as orders,
        {%- for measure in money %}
            -money_events.{{ measure }} as {{ measure }},
        {%- endfor %}
        -1 as versions
    from money_events
    inner join changed_days
        on
            money_events.customer_key = changed_days.customer_key
            and money_events.event_date = changed_days.event_date
    where money_events.valid_to is not null
),

daily_changes as (
    select
        customer_key,
        event_date,
        changed_on,
        sum(orders) as orders,
        {%- for measure in money %}
            sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        sum(versions) as versions
    from changes
    group by customer_key, event_date, changed_on
),

runs as (
    select
        customer_key,
        event_date,
        {%- for measure in ['orders', 'versions'] + money %}
            sum({{ measure }}) over (
                partition by customer_key, event_date order by changed_on nulls last
                rows between unbounded preceding and current row
            ) as {{ measure }},
        {%- endfor %}
        changed_on as known_from,
        lead(changed_on) over (
            partition by customer_key, event_date order by changed_on nulls last
        ) as known_to
    from daily_changes
)

select
    customer_key,
    event_date,
    cast(orders as bigint) as orders,
    {%- for measure in money %}
        cast({{ measure }} as decimal(18, 2)) as {{ measure }},
    {%- endfor %}
    known_from,
    cast(null as date) as known_to
from days
where known_from = last_known_from and ended_versions = 0
union all
select
    customer_key,
    event_date,
    cast(orders as bigint) as orders,
    {%- for measure in money %}
        cast({{ measure }} as decimal(18, 2)) as {{ measure }},
    {%- endfor %}
    known_from,
    known_to
from runs
where versions > 0
