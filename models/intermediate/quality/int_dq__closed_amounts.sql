-- Grain: one row per closed deal known in more than one version: its amount when it was first exported
-- as closed.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

versions as (
    select
        deals.deal_key,
        deals.amount_doc,
        row_number() over (
            partition by deals.deal_key order by deals.valid_from nulls last
        ) as closed_version
    from {{ ref('int_crm__deals') }} as deals
    inner join run_context on deals.valid_from <= run_context.knowledge_date
    where deals.stage in ('won', 'lost') and deals.valid_to is not null
)

select
    deal_key,
    amount_doc as closed_amount_doc
from versions
where closed_version = 1
