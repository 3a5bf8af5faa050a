-- Grain: one row per file rule × crm_source: how many drops were judged.
-- depends_on: {{ source('raw', 'drop_audit') }}
{%- set rules = rule_columns(source('raw', 'drop_audit')) %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

drops as (
    select
        run_context.as_of_date,
        drop_audit.crm_source,
        {%- for rule in rules %}
            count(drop_audit.{{ rule }}) as {{ rule }}_evaluated,
            count(*) filter (where drop_audit.{{ rule }}) as {{ rule }}_failed,
        {%- endfor %}
        count(*) as records
    from {{ source('raw', 'drop_audit') }} as drop_audit
    cross join run_context
    group by run_context.as_of_date, drop_audit.crm_source
)

{%- for rule in rules %}
    select
        as_of_date,
        '{{ rule | upper | replace("_", "-") }}' as rule_id,
        'drops' as entity,
        crm_source,
        cast(null as string) as owner_key,
        {{ rule }}_evaluated as evaluated,
        {{ rule }}_failed as failed,
        records - {{ rule }}_evaluated as not_applicable,
        cast(null as string) as error
    from drops
    union all
{%- endfor %}
select
    cast(null as date) as as_of_date,
    cast(null as string) as rule_id,
    cast(null as string) as entity,
    cast(null as string) as crm_source,
    cast(null as string) as owner_key,
    cast(null as bigint) as evaluated,
    cast(null as bigint) as failed,
    cast(null as bigint) as not_applicable,
    cast(null as string) as error
where false
