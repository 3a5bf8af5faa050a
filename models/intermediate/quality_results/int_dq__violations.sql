-- Grain: one row per rule × record that breaks it, on the published date: what the record is called, and
-- whose it is.
{%- set kinds_of_record = [
    ('accounts', 'int_crm__accounts', 'account_id', false, 'records.account_name', 'records.account_key'),
    ('contacts', 'int_crm__contacts', 'contact_id', false, 'records.contact_name', 'records.party_key'),
    ('leads', 'int_crm__leads', 'lead_id', false, 'coalesce(records.company, records.lead_name)', 'records.converted_account_key'),
    ('deals', 'int_crm__deals', 'deal_id', false, 'records.deal_name', 'records.party_key'),
    ('open_deals', 'int_crm__deals', 'deal_id', false, 'records.deal_name', 'records.party_key'),
    ('orders', 'int_crm__orders', 'order_id', true, 'coalesce(records.document_number, records.subject)', 'records.party_key'),
    ('refunds', 'int_crm__refunds', 'refund_id', true, 'records.document_number', 'records.party_key'),
    ('activities', 'int_crm__activities', 'activity_id', true, 'records.subject', 'records.party_key'),
    ('feedback', 'int_crm__feedback', 'feedback_id', true, 'records.reason', 'records.party_key'),
    ('products', 'int_crm__products', 'product_id', false, 'records.product_name', 'cast(null as string)'),
] %}
with found as (
    select * from {{ ref('int_dq__found') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

customers as (
    select customers.*
    from {{ ref('int_customers__customers') }} as customers
    inner join run_context on customers.as_of_date = run_context.as_of_date
),

identified as (
    {%- for entity, relation, id, has_kinds, name, party in kinds_of_record %}
        select
            found.*,
            {{ name }} as record_name,
            {{ party }} as party_key,
            records.valid_from as known_since
        from found
        inner join {{ ref(relation) }} as records
            on
                found.crm_source = records.crm_source
                and found.record_id = records.{{ id }}
                {%- if has_kinds %}
                    and found.record_kind = records.record_kind
                {%- endif %}
        inner join run_context on {{ is_known('records', 'run_context.knowledge_date') }}
        where found.entity = '{{ entity }}'
        union all
    {%- endfor %}
    select
        found.*,
        coalesce(order_lines.product_name, order_lines.order_id) as record_name,
        orders.party_key,
        order_lines.valid_from as known_since
    from found
    inner join {{ ref('int_crm__order_lines') }} as order_lines
        on
            found.crm_source = order_lines.crm_source
            and found.record_kind = order_lines.record_kind
            and found.record_id = order_lines.order_line_id
    inner join run_context on {{ is_known('order_lines', 'run_context.knowledge_date') }}
    left join {{ ref('int_crm__orders') }} as orders
        on
            order_lines.order_key = orders.order_key
            and {{ is_known('orders', 'run_context.knowledge_date') }}
    where found.entity = 'order_lines'
    union all
    select
        found.*,
        cast(null as string) as record_name,
        found.record_id as party_key,
        found.as_of_date as known_since
    from found
    where found.entity in ('customers', 'amounts')
),

-- A refund document is cut into phases: one of them is known, but its name may stand twice.
chosen as (
    select
        as_of_date,
        rule_id,
        entity,
        crm_source,
        record_kind,
        record_id,
        min(owner_key) as owner_key,
        min(value) as value,
        min(record_name) as record_name,
        min(party_key) as party_key,
        min(known_since) as known_since
    from identified
    group by as_of_date, rule_id, entity, crm_source, record_kind, record_id
)

select
    chosen.as_of_date,
    chosen.rule_id,
    chosen.entity,
    chosen.crm_source,
    chosen.record_kind,
    chosen.record_id,
    coalesce(chosen.record_name, customers.customer_name) as record_name,
    source_map.customer_key,
    coalesce(chosen.owner_key, customers.owner_key) as owner_key,
    chosen.value,
    chosen.known_since
from chosen
left join source_map on chosen.party_key = source_map.record_key
left join customers on source_map.customer_key = customers.customer_key
