-- Grain: one row per living customer × tag × where it comes from, on the published date.
-- since_date: first export that showed a CRM tag; start of the fact a computed one follows from,
-- null where the class has none.
{%- set dimensions = {
    'behaviour': ['behavior_class', 'contact_frequency'],
    'feedback': ['feedback_class', 'complaint_status'],
    'relationship': ['relationship_closeness'],
    'lifecycle': ['customer_status'],
} %}
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

crm_tags as (
    select * from {{ ref('int_behaviour__crm_tags') }}
),

tag_rules as (
    select
        tag,
        dimension,
        code,
        valid_from as rule_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as rule_until
    from {{ ref('tag_rules') }}
),

behaviour as (
    select
        behaviours.*,
        case
            when behaviours.contacts_30d >= thresholds.frequent_contacts then 'frequent'
            else 'other'
        end as contact_frequency,
        cast(null as date) as since_date
    from {{ ref('int_customers__behaviour') }} as behaviours
    inner join thresholds on behaviours.as_of_date = thresholds.as_of_date
),

feedback as (
    select
        *,
        case when open_complaints > 0 then 'open' else 'none' end as complaint_status,
        case when open_complaints > 0 then open_complaint_since end as since_date
    from {{ ref('int_customers__feedback') }}
),

relationship as (
    select
        *,
        cast(null as date) as since_date
    from {{ ref('int_customers__relationship') }}
),

lifecycle as (
    select
        *,
        cast(null as date) as since_date
    from {{ ref('int_customers__lifecycle') }}
),

class_values as (
    {%- for relation, names in dimensions.items() %}
        {%- set outer = loop %}
        {%- for name in names %}
            select
                {{ relation }}.as_of_date,
                {{ relation }}.customer_key,
                '{{ name }}' as dimension,
                {{ relation }}.{{ name }} as code,
                {{ relation }}.since_date
            from {{ relation }}
            inner join run_context on {{ relation }}.as_of_date = run_context.as_of_date
            {{ 'union all' if not (loop.last and outer.last) }}
        {%- endfor %}
    {%- endfor %}
),

computed_tags as (
    select
        class_values.as_of_date,
        class_values.customer_key,
        tag_rules.tag,
        min(class_values.since_date) as since_date
    from class_values
    inner join tag_rules
        on
            class_values.dimension = tag_rules.dimension
            and class_values.code = tag_rules.code
            and class_values.as_of_date >= tag_rules.rule_from
            and class_values.as_of_date <= tag_rules.rule_until
    group by class_values.as_of_date, class_values.customer_key, tag_rules.tag
),

known_tags as (
    select
        run_context.as_of_date,
        crm_tags.customer_key,
        crm_tags.tag,
        min(crm_tags.valid_from) as since_date,
        count(*) filter (where {{ is_known('crm_tags', 'run_context.attribute_date') }})
            as known_versions
    from crm_tags
    inner join run_context on crm_tags.valid_from <= run_context.attribute_date
    group by run_context.as_of_date, crm_tags.customer_key, crm_tags.tag
)

select
    customers.as_of_date,
    customers.customer_key,
    known_tags.tag,
    'crm' as tag_source,
    known_tags.since_date
from customers
inner join known_tags
    on
        customers.as_of_date = known_tags.as_of_date
        and customers.customer_key = known_tags.customer_key
where known_tags.known_versions > 0
union all
select
    as_of_date,
    customer_key,
    tag,
    'computed' as tag_source,
    since_date
from computed_tags
