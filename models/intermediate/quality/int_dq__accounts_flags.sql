-- Grain: one row per account known on the published date. One nullable boolean per
-- rule: true = fails, null = does not apply; and the value at fault of those that fail.
{%- set is_alive = "records.life_status <> 'void'" %}
{%- set is_company = is_alive ~ " and records.customer_type = 'company'" %}
{%- set no_number = 'cast(null as decimal(18, 6))' %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__accounts') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
),

exported as (
    {{ exported_fields([
        'source_channel', 'industry', 'country', 'province', 'city', 'employees', 'company_size',
        'annual_revenue', 'birth_date', 'occupation', 'phone', 'mobile', 'email',
    ]) }}
),

facts as (
    select * from {{ ref('int_dq__account_facts') }}
),

contact_sources as (
    select distinct crm_source from {{ ref('int_crm__contacts') }}
),

touches as (
    select * from {{ ref('int_dq__touches') }}
),

profiles as (
    select * from {{ ref('int_dq__profiles') }}
),

duplicates as (
    select * from {{ ref('int_dq__duplicates') }}
),

dead_points as (
    select * from {{ ref('int_dq__dead_points') }}
),

places as (
    select * from {{ ref('int_profiles__places') }}
),

industries as (
    select * from {{ ref('int_profiles__industries') }}
),

sizes as (
    select sizes.*
    from {{ ref('int_profiles__company_sizes') }} as sizes
    inner join run_context on sizes.as_of_date = run_context.as_of_date
),

stated as (
    select
        {{ folded('size_text') }} as size_key,
        employees,
        company_size
    from {{ ref('company_size_texts') }}
),

owners as (
    select * from {{ ref('int_crm__owner_directory') }}
    where owner_id is not null
),

owner_sources as (
    select distinct crm_source from owners
),

account_levels as (
    select * from {{ ref('int_config__enum_map') }}
    where enum = 'account_level'
)

select
    records.as_of_date,
    records.crm_source,
    'accounts' as entity,
    'accounts' as record_kind,
    records.account_id as record_id,
    records.owner_key,
    {{ flag(
        'str_007',
        fails='records.unmapped_values is not null',
        value='records.unmapped_values'
    ) }},
    {{ flag('ent_001', applies=is_alive, fails='records.account_name is null') }},
    {{ flag(
        'ent_002',
        applies=is_alive ~ ' and (exported.has_phone or exported.has_mobile or exported.has_email)',
        fails='coalesce(records.phone, records.mobile, records.email) is null'
    ) }},
    {{ flag(
        'ent_003',
        applies=is_alive,
        fails='records.owner_key is null',
        value='records.owner_name'
    ) }},
    {{ flag(
        'ent_004',
        applies=is_alive ~ ' and exported.has_source_channel',
        fails='records.source_channel is null'
    ) }},
    {{ flag(
        'ent_005',
        applies=is_company ~ ' and exported.has_industry',
        fails='records.industry is null'
    ) }},
    {{ flag(
        'ent_006',
        applies=is_alive ~ ' and (exported.has_country or exported.has_province or exported.has_city)',
        fails=lacks_place('records', 'places'),
        value=place_value('records')
    ) }},
    {{ flag(
        'ent_010',
        applies=is_company ~ ' and facts.open_deals > 0 and contact_sources.crm_source is not null',
        fails='facts.contacts_with_role = 0',
        value="cast(facts.contacts as string) || ' contacts'"
    ) }},
    {{ flag(
        'ent_011',
        applies=is_company
        ~ ' and (exported.has_employees or exported.has_company_size or exported.has_annual_revenue)',
        fails='records.employees is null and records.company_size is null'
        ~ ' and records.annual_revenue is null'
    ) }},
    {{ flag(
        'ent_012',
        applies=is_alive ~ " and records.customer_type = 'individual'"
        ~ ' and exported.has_birth_date and exported.has_occupation',
        fails='(records.birth_date is null or records.occupation is null)'
    ) }},
    {{ flag(
        'ent_013',
        applies=is_alive ~ ' and profiles.profile_completeness_pct is not null',
        fails='profiles.profile_completeness_pct < thresholds.profile_complete_pct',
        value='profiles.profile_completeness_pct'
    ) }},
    {{ flag(
        'ent_020',
        applies=is_alive ~ ' and records.has_invalid_phone is not null',
        fails='records.has_invalid_phone',
        value="records.phone || coalesce(' / ' || nullif(records.mobile, records.phone), '')"
    ) }},
    {{ flag(
        'ent_021',
        applies=is_alive ~ ' and records.email is not null',
        fails='not (records.is_valid_email and ' ~ is_usable_email('records.email') ~ ')',
        value='records.email'
    ) }},
    {{ flag(
        'ent_022',
        applies=is_alive ~ ' and records.credit_code is not null',
        fails='not records.is_valid_credit_code',
        value='records.credit_code'
    ) }},
    {{ flag(
        'ent_023',
        applies=is_alive ~ ' and records.account_name is not null',
        fails='not ' ~ is_clean_name('records.account_name'),
        value='records.account_name'
    ) }},
    {{ flag(
        'ent_024',
        applies=is_company ~ ' and records.account_name is not null',
        fails='not records.has_legal_form',
        value='records.account_name'
    ) }},
    {{ flag(
        'ent_025',
        fails=has_cast_error(
            'records.cast_errors',
            [
                'created_at', 'modified_at', 'birth_date', 'claimed_at', 'returned_at',
                'expire_at', 'last_followed_at', 'next_follow_at', 'last_deal_at',
            ]
        ),
        value='records.cast_errors'
    ) }},
    {{ flag(
        'ent_027',
        applies=is_alive ~ ' and (records.level is not null or records.industry is not null)',
        fails='coalesce(records.level is not null and account_levels.value is null, false)'
        ~ ' or coalesce(records.industry is not null and not industries.is_matched, false)',
        value="coalesce('level=' || records.level || '; ', '')"
        ~ " || coalesce('industry=' || records.industry, '')"
    ) }},
    {{ flag(
        'ent_028',
        applies=is_alive ~ " and places.market <> 'international'"
        ~ ' and coalesce(records.province, records.city) is not null',
        fails=contradicts_places('records', 'places'),
        value=place_value('records')
    ) }},
    {{ flag(
        'ent_029',
        applies=is_alive ~ ' and records.website is not null',
        fails='not ' ~ is_website('records.website'),
        value='records.website'
    ) }},
    {{ flag(
        'ent_042',
        applies=is_alive ~ ' and records.birth_date is not null',
        fails='not ' ~ is_plausible_birth('records.birth_date', 'records.as_of_date'),
        value='records.birth_date'
    ) }},
    {{ flag(
        'ent_044',
        applies=is_alive ~ " and records.phone_area is not null and places.province <> 'unknown'",
        fails="records.phone_area not like '%' || substr(places.province, 1, 2) || '%'",
        value="records.phone || ' ' || records.phone_area || ' / ' || records.province"
    ) }},
    {{ flag(
        'ent_045',
        applies=is_company ~ ' and records.employees > 0 and stated.size_key is not null',
        fails=company_size_of('records.employees', no_number)
        ~ ' <> ' ~ company_size_of(no_number, no_number, stated='stated'),
        value="records.company_size || ', ' || cast(cast(floor(records.employees) as bigint) as string)"
    ) }},
    {{ flag(
        'ent_046',
        applies=is_alive,
        fails='duplicates.record_key is not null',
        value='duplicates.shared_value'
    ) }},
    {{ flag(
        'ent_051',
        applies=is_alive ~ " and records.customer_status in ('existing', 'active')",
        fails="(records.customer_status = 'existing' and facts.customer_since_date is null)"
        ~ " or (records.customer_status = 'active' and "
        ~ 'coalesce(' ~ days_between('touches.last_two_way_date', 'records.as_of_date')
        ~ ' > thresholds.status_silent_days, true))',
        value='records.crm_status'
    ) }},
    {{ flag(
        'upd_001',
        applies=is_alive ~ ' and records.customer_status is not null'
        ~ ' and facts.customer_since_date < records.as_of_date',
        fails="records.customer_status = 'prospect'",
        value='facts.customer_since_date'
    ) }},
    {{ flag(
        'upd_009',
        applies=is_alive ~ ' and records.owner_key is not null'
        ~ ' and owner_sources.crm_source is not null',
        fails='not coalesce(owners.is_active, false)',
        value='coalesce(owners.owner_name, records.owner_name, records.owner_key)'
    ) }},
    {{ flag(
        'upd_010',
        applies=is_alive ~ ' and records.modified_at is not null',
        fails=days_between('cast(records.modified_at as date)', 'records.as_of_date')
        ~ ' > thresholds.review_days',
        value='cast(records.modified_at as date)'
    ) }},
    {{ flag(
        'upd_012',
        applies=is_alive ~ ' and coalesce(records.mobile, records.phone, records.email) is not null',
        fails='coalesce('
        ~ 'dead_mobiles.contact_point, dead_phones.contact_point, dead_emails.contact_point'
        ~ ') is not null',
        value='case when dead_mobiles.contact_point is not null then records.mobile'
        ~ ' when dead_phones.contact_point is not null then records.phone else records.email end'
    ) }}
from records
cross join run_context
cross join thresholds
left join exported on records.crm_source = exported.crm_source
left join facts on records.account_key = facts.party_key
left join contact_sources on records.crm_source = contact_sources.crm_source
left join touches on records.account_key = touches.record_key
left join profiles on records.account_key = profiles.record_key
left join duplicates on records.account_key = duplicates.record_key
left join dead_points as dead_mobiles
    on records.mobile_e164 = dead_mobiles.contact_point
left join dead_points as dead_phones
    on records.phone_e164 = dead_phones.contact_point
left join dead_points as dead_emails
    on records.email_normalised = dead_emails.contact_point
left join places on {{ same_place('records', 'places') }}
left join industries
    on
        records.crm_source = industries.crm_source
        and records.industry = industries.industry_crm
left join sizes on coalesce(industries.industry, 'unknown') = sizes.industry
left join stated on {{ folded('records.company_size') }} = stated.size_key
left join owners on records.owner_key = owners.owner_key
left join owner_sources on records.crm_source = owner_sources.crm_source
left join account_levels
    on
        records.crm_source = account_levels.crm_source
        and {{ folded('records.level') }} = account_levels.raw_value_key
where {{ existed() }}
