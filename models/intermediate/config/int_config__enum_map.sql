-- Grain: one row per crm_source × enum × raw value (lower case, trimmed).
-- kefen.yml beats the source format's own rows, which beat the rows for any format.
with sources as (
    select * from {{ source('raw', 'sources') }}
),

overrides as (
    select * from {{ source('raw', 'enum_overrides') }}
),

enum_map as (
    select * from {{ ref('enum_map') }}
),

candidates as (
    select
        crm_source,
        enum,
        {{ folded('raw_value') }} as raw_value_key,
        value,
        1 as precedence
    from overrides
    union all
    select
        sources.crm_source,
        enum_map.enum,
        {{ folded('enum_map.raw_value') }} as raw_value_key,
        enum_map.value,
        case when enum_map.crm_format = '*' then 3 else 2 end as precedence
    from sources
    inner join enum_map
        on sources.format = enum_map.crm_format or enum_map.crm_format = '*'
),

ranked as (
    select
        crm_source,
        enum,
        raw_value_key,
        value,
        row_number() over (
            partition by crm_source, enum, raw_value_key
            order by precedence nulls last, value nulls last
        ) as choice
    from candidates
)

select
    crm_source,
    enum,
    raw_value_key,
    value
from ranked
where choice = 1
