{{ config(meta={'dagster': {'ref': {'name': 'dim_customer'}}}) }}
{%- set tables = [
    'fct_orders', 'fct_refunds', 'fct_activities', 'fct_deals', 'fct_web_sessions',
    'fct_email_events', 'fct_feedback', 'dim_contact', 'customer_source_map',
] -%}
-- Every customer_key is a row of dim_customer, the 'unknown' member included.
with named as (
    {%- for table in tables %}
    select distinct
        '{{ table }}' as fact_table,
        customer_key
    from {{ ref(table) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    named.fact_table,
    named.customer_key
from named
left join {{ ref('dim_customer') }} as customers
    on named.customer_key = customers.customer_key
where customers.customer_key is null
