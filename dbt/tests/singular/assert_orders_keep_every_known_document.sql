{{ config(meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}
-- No document known on the published date is lost or doubled on the way to fct_orders.
with known as (
    select
        count(*) as documents,
        sum(documents.net_base) as net_base
    from {{ ref('int_purchases__documents') }} as documents
    inner join {{ source('raw', 'run_context') }} as run_context
        on
            run_context.is_newest
            and documents.order_date <= run_context.as_of_date
            and {{ is_known('documents', 'run_context.knowledge_date') }}
),

published as (
    select
        count(*) as documents,
        sum(net_base) as net_base
    from {{ ref('fct_orders') }}
)

select
    known.documents as known_documents,
    published.documents as published_documents,
    known.net_base as known_base,
    published.net_base as published_base
from known
cross join published
where
    known.documents <> published.documents
    or coalesce(known.net_base, 0) <> coalesce(published.net_base, 0)
