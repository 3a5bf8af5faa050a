-- Grain: one row per version of a line of a counted document × version of that document: what was
-- sold, in base currency, and what it cost on the day of the sale.
with lines as (
    select * from {{ ref('int_crm__order_lines') }}
),

documents as (
    select * from {{ ref('int_purchases__documents') }}
    where is_counted
),

product_costs as (
    select * from {{ ref('int_purchases__product_costs') }}
)

select
    documents.customer_key,
    documents.order_date as event_date,
    lines.order_line_key,
    lines.product_key,
    coalesce(lines.quantity, 0) as units,
    case
        when documents.net_base = documents.net_doc then lines.line_total_doc
        else cast(
            cast(lines.line_total_doc as double) * cast(documents.net_base as double)
            / cast(nullif(documents.net_doc, 0) as double) as decimal(18, 2)
        )
    end as line_base,
    cast(lines.quantity * product_costs.unit_cost_base as decimal(18, 2)) as cost_base,
    greatest(documents.valid_from, lines.valid_from) as valid_from,
    case
        when documents.valid_to is null then lines.valid_to
        when lines.valid_to is null then documents.valid_to
        else least(documents.valid_to, lines.valid_to)
    end as valid_to
from lines
inner join documents on lines.order_key = documents.order_key
left join product_costs
    on
        lines.product_key = product_costs.product_key
        and documents.order_date >= product_costs.sold_from
        and documents.order_date < coalesce(product_costs.sold_until, cast('9999-12-31' as date))
where
    (documents.valid_to is null or documents.valid_to > lines.valid_from)
    and (lines.valid_to is null or lines.valid_to > documents.valid_from)
