{{ config(meta={'dagster': {'ref': {'name': 'customer_classification_history'}}}) }}
{%- set columns = [
    'as_of_date', 'customer_key', 'customer_name', 'owner_key', 'rfm_class', 'rfm_code',
    'abc_tier', 'relationship_stage', 'customer_status', 'prospect_stage', 'customer_type',
    'is_new_customer',
] -%}
-- What is published tonight is what history will say of tonight.
with history as (
    select history.*
    from {{ ref('customer_classification_history') }} as history
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and history.as_of_date = run_context.as_of_date
),

classification as (
    select * from {{ ref('customer_classification') }}
)

select
    coalesce(history.customer_key, classification.customer_key) as customer_key
from history
full outer join classification
    on history.customer_key = classification.customer_key
where
    history.customer_key is null
    or classification.customer_key is null
    {%- for column in columns %}
    or history.{{ column }} is distinct from classification.{{ column }}
    {%- endfor %}
