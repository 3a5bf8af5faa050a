-- Grain: one row per distinct raw country × province × city of accounts, contacts and leads (empty
-- text where the CRM has none): the place it means.
-- What the texts do not say is unknown. A stated province stands: a city that is not in it is
-- unknown. Abroad the CRM's own province and city stand.
with records as (
    select
        country,
        province,
        city
    from {{ ref('int_crm__accounts') }}
    union all
    select
        country,
        province,
        city
    from {{ ref('int_crm__contacts') }}
    union all
    select
        country,
        province,
        city
    from {{ ref('int_crm__leads') }}
    union all
    -- Customers that only facts name have no place.
    select
        cast(null as string) as country,
        cast(null as string) as province,
        cast(null as string) as city
),

provinces as (
    select * from {{ ref('provinces') }}
),

cities as (
    select * from {{ ref('cities') }}
),

countries as (
    select * from {{ ref('countries') }}
),

place_aliases as (
    select * from {{ ref('place_aliases') }}
),

city_aliases as (
    select * from {{ ref('int_profiles__place_aliases') }}
),

raw_places as (
    select distinct
        coalesce(country, '') as country_crm,
        coalesce(province, '') as province_crm,
        coalesce(city, '') as city_crm
    from records
),

keyed as (
    select
        *,
        {{ place_text('country_crm') }} as country_key,
        {{ place_text('province_crm') }} as province_key,
        {{ place_text('city_crm') }} as city_key
    from raw_places
),

country_spellings as (
    {%- for name in ['country_code', 'country_code_3', 'country_en'] %}
        select
            {{ place_text(name) }} as alias_key,
            country_code
        from countries
        union all
    {%- endfor %}
    select
        {{ place_text('country') }} as alias_key,
        country_code
    from countries
    where province is null
    union all
    select
        {{ place_text('alias') }} as alias_key,
        place as country_code
    from place_aliases
    where place_type = 'country'
),

country_aliases as (
    select
        alias_key,
        min(country_code) as country_code
    from country_spellings
    where alias_key is not null
    group by alias_key
),

province_spellings as (
    {%- for name in [
        'province', 'province_short', 'province_en', "province_en || ' province'",
        "province_en || ' sheng'", "province_en || ' shi'", "province_en || ' city'",
    ] %}
        select
            {{ place_text(name) }} as alias_key,
            province,
            {{ 'true' if name == 'province' else 'false' }} as is_prefix
        from provinces
        union all
    {%- endfor %}
    select
        {{ place_text('alias') }} as alias_key,
        place as province,
        false as is_prefix
    from place_aliases
    where place_type = 'province'
),

province_aliases as (
    select
        alias_key,
        min(province) as province,
        bool_or(is_prefix) as is_prefix
    from province_spellings
    where alias_key is not null
    group by alias_key
),

texts as (
    select province_key as text_key
    from keyed
    where province_key is not null
    union
    select city_key as text_key
    from keyed
    where city_key is not null
),

province_matches as (
    select
        texts.text_key,
        province_aliases.province,
        length(province_aliases.alias_key) as matched_length
    from texts
    inner join province_aliases on texts.text_key = province_aliases.alias_key
    union
    select
        texts.text_key,
        province_aliases.province,
        length(province_aliases.alias_key) as matched_length
    from texts
    inner join province_aliases
        on
            substr(texts.text_key, 1, 2) = substr(province_aliases.alias_key, 1, 2)
            and texts.text_key like province_aliases.alias_key || '%'
    where province_aliases.is_prefix
),

text_provinces as (
    select
        text_key,
        province
    from province_matches
    qualify
        row_number() over (
            partition by text_key
            order by matched_length desc nulls last, province asc nulls last
        ) = 1
),

city_matches as (
    select
        texts.text_key,
        city_aliases.province,
        city_aliases.city,
        city_aliases.is_unique,
        length(city_aliases.alias_key) as matched_length
    from texts
    inner join city_aliases on texts.text_key = city_aliases.alias_key
    union
    select
        texts.text_key,
        city_aliases.province,
        city_aliases.city,
        city_aliases.is_unique,
        length(city_aliases.alias_key) as matched_length
    from texts
    inner join city_aliases
        on
            substr(texts.text_key, 1, 2) = substr(city_aliases.alias_key, 1, 2)
            and texts.text_key like city_aliases.alias_key || '%'
    where city_aliases.is_prefix
),

text_cities as (
    select
        text_key,
        province,
        city
    from city_matches
    qualify
        row_number() over (
            partition by text_key, province
            order by matched_length desc nulls last, city asc nulls last
        ) = 1
),

lone_cities as (
    select
        text_key,
        province,
        city
    from city_matches
    where is_unique
    qualify
        row_number() over (
            partition by text_key
            order by matched_length desc nulls last, province asc nulls last, city asc nulls last
        ) = 1
),

located as (
    select
        keyed.country_crm,
        keyed.province_crm,
        keyed.city_crm,
        keyed.city_key,
        countries.country,
        countries.market as country_market,
        coalesce(
            stated_provinces.province,
            countries.province,
            province_cities.province,
            lone_cities.province,
            city_provinces.province
        ) as province,
        lone_cities.city is not null as is_city_elsewhere,
        case
            when stated_provinces.province is null and countries.province is null
                then province_cities.city
        end as city_of_province_text
    from keyed
    left join country_aliases on keyed.country_key = country_aliases.alias_key
    left join countries on country_aliases.country_code = countries.country_code
    left join text_provinces as stated_provinces
        on keyed.province_key = stated_provinces.text_key
    left join lone_cities as province_cities on keyed.province_key = province_cities.text_key
    left join lone_cities on keyed.city_key = lone_cities.text_key
    left join text_provinces as city_provinces on keyed.city_key = city_provinces.text_key
),

placed as (
    select
        located.country_crm,
        located.province_crm,
        located.city_crm,
        located.country,
        coalesce(located.country_market, provinces.market) as market,
        located.country_market = 'international' as is_abroad,
        provinces.province,
        provinces.region,
        provinces.north_south,
        coalesce(text_cities.city, located.city_of_province_text, provinces.only_city) as city,
        -- In a municipality the city may be a district; one of another province it may not be.
        located.city_key is not null
        and text_cities.city is null
        and (provinces.only_city is null or located.is_city_elsewhere) as is_city_elsewhere
    from located
    left join provinces on located.province = provinces.province
    left join text_cities
        on located.city_key = text_cities.text_key and located.province = text_cities.province
)

select
    placed.country_crm,
    placed.province_crm,
    placed.city_crm,
    case
        when placed.country is not null then placed.country
        when placed.province is not null then '中国'
        else 'unknown'
    end as country,
    case
        when placed.is_abroad
            then coalesce(nullif({{ trimmed('placed.province_crm') }}, ''), 'unknown')
        else coalesce(placed.province, 'unknown')
    end as province,
    case
        when placed.is_abroad
            then coalesce(nullif({{ trimmed('placed.city_crm') }}, ''), 'unknown')
        else coalesce(placed.city, 'unknown')
    end as city,
    case
        when placed.is_abroad then 'not_applicable'
        else coalesce(placed.region, 'unknown')
    end as region,
    case
        when placed.is_abroad then 'not_applicable'
        else coalesce(cities.north_south, placed.north_south, 'unknown')
    end as north_south,
    coalesce(placed.market, 'unknown') as market,
    placed.is_city_elsewhere
from placed
left join cities on placed.city = cities.city
