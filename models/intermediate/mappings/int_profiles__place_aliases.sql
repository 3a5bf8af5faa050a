-- Grain: one row per alias × province: a spelling and the city of that province it means.
-- is_unique: it names one city of China, or the one that is preferred, without a province.
-- is_prefix: a text may go on after it (深圳市南山区).
with provinces as (
    select * from {{ ref('provinces') }}
),

cities as (
    select * from {{ ref('cities') }}
),

counties as (
    select * from {{ ref('counties') }}
),

place_aliases as (
    select * from {{ ref('place_aliases') }}
    where place_type = 'city'
),

spellings as (
    select
        city,
        province,
        1 as alias_level,
        is_preferred,
        city as full_name,
        city_short as short_name,
        city_en as english_name
    from cities
    union all
    select
        city,
        province,
        2 as alias_level,
        false as is_preferred,
        county as full_name,
        county_short as short_name,
        county_en as english_name
    from counties
),

spelled as (
    select
        full_name as spelling,
        city,
        province,
        alias_level,
        is_preferred,
        full_name <> short_name as is_prefix
    from spellings
    union all
    select
        short_name as spelling,
        city,
        province,
        alias_level,
        is_preferred,
        false as is_prefix
    from spellings
    {%- for suffix in ['', ' city', ' shi', ' prefecture'] %}
        union all
        select
            english_name || '{{ suffix }}' as spelling,
            city,
            province,
            alias_level,
            is_preferred,
            false as is_prefix
        from spellings
    {%- endfor %}
    {%- for spelling, is_prefix in [
        ('provinces.province || spellings.full_name', true),
        ('provinces.province_short || spellings.full_name', true),
        ('provinces.province || spellings.short_name', false),
        ('provinces.province_short || spellings.short_name', false),
        ('spellings.english_name || provinces.province_en', false),
    ] %}
        union all
        select
            {{ spelling }} as spelling,
            spellings.city,
            spellings.province,
            spellings.alias_level,
            spellings.is_preferred,
            {{ 'spellings.full_name <> spellings.short_name' if is_prefix else 'false' }}
                as is_prefix
        from spellings
        inner join provinces on spellings.province = provinces.province
    {%- endfor %}
    union all
    select
        place_aliases.alias,
        cities.city,
        cities.province,
        1 as alias_level,
        cities.is_preferred,
        false as is_prefix
    from place_aliases
    inner join cities on place_aliases.place = cities.city
),

keyed as (
    select
        {{ place_text('spelling') }} as alias_key,
        city,
        province,
        alias_level,
        is_preferred,
        is_prefix
    from spelled
),

grouped as (
    select
        alias_key,
        province,
        city,
        min(alias_level) as alias_level,
        bool_or(is_preferred) as is_preferred,
        bool_or(is_prefix) as is_prefix
    from keyed
    group by alias_key, province, city
),

ranked as (
    select
        *,
        row_number() over (
            partition by alias_key, province
            order by alias_level asc nulls last, is_preferred desc nulls last, city asc nulls last
        ) as choice,
        row_number() over (
            partition by alias_key
            order by
                alias_level asc nulls last, is_preferred desc nulls last, city asc nulls last,
                province asc nulls last
        ) as choice_in_all,
        count(*) over (partition by alias_key, alias_level) as cities_at_level
    from grouped
)

select
    alias_key,
    province,
    city,
    is_prefix,
    choice_in_all = 1 and (cities_at_level = 1 or is_preferred) as is_unique
from ranked
where choice = 1
