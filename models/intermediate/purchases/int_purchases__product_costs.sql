-- Grain: one row per product × run of exports: what one unit cost then, in base currency.
-- A product's own cost; for a product whose system knows none, that of the product with the same
-- code elsewhere (the first source by name). The first known cost holds for earlier sales too.
with products as (
    select * from {{ ref('int_crm__products') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

costs as (
    select
        products.product_key,
        products.product_code,
        products.crm_source,
        products.unit_cost_doc as unit_cost_base,
        products.valid_from,
        products.valid_to
    from products
    cross join run_settings
    where
        products.unit_cost_doc is not null
        and coalesce(products.currency, run_settings.base_currency) = run_settings.base_currency
),

products_without_cost as (
    select distinct
        products.product_key,
        products.product_code
    from products
    left join costs on products.product_key = costs.product_key
    where costs.product_key is null and products.product_code is not null
),

sources_by_code as (
    select
        product_code,
        min(crm_source) as crm_source
    from costs
    where product_code is not null
    group by product_code
),

product_costs as (
    select
        product_key,
        unit_cost_base,
        valid_from,
        valid_to
    from costs
    union all
    select
        products_without_cost.product_key,
        max(costs.unit_cost_base) as unit_cost_base,
        costs.valid_from,
        costs.valid_to
    from products_without_cost
    inner join sources_by_code
        on products_without_cost.product_code = sources_by_code.product_code
    inner join costs
        on
            sources_by_code.product_code = costs.product_code
            and sources_by_code.crm_source = costs.crm_source
    group by products_without_cost.product_key, costs.valid_from, costs.valid_to
)

select
    product_key,
    unit_cost_base,
    case
        when
            row_number() over (partition by product_key order by valid_from nulls last) = 1
            then cast('1900-01-01' as date)
        else valid_from
    end as sold_from,
    valid_to as sold_until,
    valid_from
from product_costs
