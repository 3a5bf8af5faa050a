-- Grain: one row per currency and rate day: the rate to the base currency and the last day it may
-- be used, the day before the next rate and at most ten days on.
with rates as (
    select * from {{ ref('stg_crm__exchange_rates') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

daily as (
    select
        rates.currency,
        rates.rate_date,
        max_by(rates.rate, rates._export_date) as rate
    from rates
    inner join run_settings
        on coalesce(rates.base_currency, run_settings.base_currency) = run_settings.base_currency
    where rates._quarantine_reason is null and not rates._is_deleted
    group by rates.currency, rates.rate_date
)

select
    currency,
    rate_date,
    rate,
    coalesce(
        least(
            lead(rate_date) over (partition by currency order by rate_date nulls last),
            {{ add_days('rate_date', 11) }}
        ),
        {{ add_days('rate_date', 11) }}
    ) as until_date
from daily
