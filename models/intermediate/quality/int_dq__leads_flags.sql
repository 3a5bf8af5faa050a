-- Grain: one row per lead known on the published date. One nullable boolean per
-- rule: true = fails, null = does not apply; and the value at fault of those that fail.
{%- set is_alive = "records.life_status <> 'void'" %}
{%- set is_open = is_alive ~ " and records.lead_stage <> 'lost' and not records.is_converted" %}
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
    from {{ ref('int_crm__leads') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
),

exported as (
    {{ exported_fields([
        'source_channel', 'country', 'province', 'city', 'intended_product', 'next_follow_at',
        'converted_account_key', 'converted_contact_key', 'converted_deal_key',
    ]) }}
),

touches as (
    select * from {{ ref('int_dq__touches') }}
),

-- A lead entered again: an earlier one of its source bears the same number or address.
points as (
    {%- for point in ['phone_e164', 'nullif(mobile_e164, phone_e164)', 'email_normalised'] %}
        select
            lead_key,
            crm_source,
            created_at,
            {{ point }} as contact_value
        from records
        where {{ point }} is not null
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

followed as (
    select
        lead_key,
        crm_source,
        contact_value,
        created_at,
        lag(created_at) over (
            partition by crm_source, contact_value
            order by created_at nulls last, lead_key nulls last
        ) as earlier_at
    from points
    where created_at is not null
),

repetitions as (
    select
        followed.lead_key,
        min(followed.contact_value) as contact_value
    from followed
    cross join thresholds
    where
        followed.earlier_at is not null
        and {{ days_between(
            'cast(followed.earlier_at as date)', 'cast(followed.created_at as date)'
        ) }} <= thresholds.lead_repeat_days
    group by followed.lead_key
),

dead_points as (
    select * from {{ ref('int_dq__dead_points') }}
),

places as (
    select * from {{ ref('int_profiles__places') }}
),

activity_sources as (
    select
        crm_source,
        delivers_activities
    from {{ source('raw', 'sources') }}
),

responses as (
    select lead_response.*
    from {{ ref('lead_response') }} as lead_response
    inner join run_context
        on
            lead_response.valid_from <= run_context.as_of_date
            and (
                lead_response.valid_to is null
                or lead_response.valid_to >= run_context.as_of_date
            )
),

owners as (
    select * from {{ ref('int_crm__owner_directory') }}
    where owner_id is not null
),

owner_sources as (
    select distinct crm_source from owners
)

select
    records.as_of_date,
    records.crm_source,
    'leads' as entity,
    'leads' as record_kind,
    records.lead_id as record_id,
    records.owner_key,
    {{ flag(
        'str_007',
        fails='records.unmapped_values is not null',
        value='records.unmapped_values'
    ) }},
    {{ flag(
        'ent_001',
        applies=is_alive,
        fails='coalesce(records.company, records.lead_name) is null'
    ) }},
    {{ flag(
        'ent_002',
        applies=is_alive,
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
        'ent_006',
        applies=is_alive ~ ' and (exported.has_country or exported.has_province or exported.has_city)',
        fails=lacks_place('records', 'places'),
        value=place_value('records')
    ) }},
    {{ flag(
        'ent_007',
        applies=is_open ~ ' and exported.has_intended_product',
        fails='records.intended_product is null'
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
        'ent_023',
        applies=is_alive ~ ' and records.lead_name is not null',
        fails='not ' ~ is_clean_name('records.lead_name'),
        value='records.lead_name'
    ) }},
    {{ flag(
        'ent_025',
        fails=has_cast_error(
            'records.cast_errors',
            [
                'created_at', 'modified_at', 'converted_at', 'next_follow_at',
                'last_activity_at', 'assigned_at',
            ]
        ),
        value='records.cast_errors'
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
        'ent_030',
        applies=is_alive ~ ' and records.lead_name is not null'
        ~ ' and records.lead_name <> coalesce(records.company, records.lead_name || chr(63))',
        fails=has_more_than_a_name('records.lead_name'),
        value='records.lead_name'
    ) }},
    {{ flag(
        'ent_047',
        applies=is_alive,
        fails='repetitions.lead_key is not null',
        value='repetitions.contact_value'
    ) }},
    {{ flag(
        'ent_048',
        applies=is_alive ~ ' and records.is_converted and (exported.has_converted_account_key'
        ~ ' or exported.has_converted_contact_key or exported.has_converted_deal_key)',
        fails='coalesce(records.converted_account_key, records.converted_contact_key) is null'
        ~ ' or records.converted_deal_key is null',
        value="case when records.converted_deal_key is null then 'deal' else 'customer' end"
    ) }},
    {{ flag(
        'upd_006',
        applies=is_alive ~ ' and activity_sources.delivers_activities'
        ~ ' and records.created_at is not null'
        ~ ' and cast(records.created_at as date) < records.as_of_date and '
        ~ days_between('cast(records.created_at as date)', 'records.as_of_date')
        ~ ' <= thresholds.lead_window_days',
        fails='coalesce(touches.first_touch_at > '
        ~ add_hours('records.created_at', 'responses.response_hours') ~ ', true)',
        value='coalesce(cast(cast(touches.first_touch_at as date) as string), '
        ~ "'untouched')"
    ) }},
    {{ flag(
        'upd_007',
        applies=is_open ~ ' and activity_sources.delivers_activities'
        ~ ' and coalesce(touches.last_touch_date, records.created_date) is not null',
        fails=days_between(
            'coalesce(touches.last_touch_date, records.created_date)', 'records.as_of_date'
        ) ~ ' > thresholds.lead_pool_days',
        value='coalesce(touches.last_touch_date, records.created_date)'
    ) }},
    {{ flag(
        'upd_008',
        applies=is_open ~ ' and exported.has_next_follow_at',
        fails='coalesce(cast(records.next_follow_at as date) < records.as_of_date, true)',
        value='cast(records.next_follow_at as date)'
    ) }},
    {{ flag(
        'upd_009',
        applies=is_open ~ ' and records.owner_key is not null'
        ~ ' and owner_sources.crm_source is not null',
        fails='not coalesce(owners.is_active, false)',
        value='coalesce(owners.owner_name, records.owner_name, records.owner_key)'
    ) }},
    {{ flag(
        'upd_012',
        applies=is_open ~ ' and coalesce(records.mobile, records.phone, records.email) is not null',
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
left join touches on records.lead_key = touches.record_key
left join repetitions on records.lead_key = repetitions.lead_key
left join dead_points as dead_mobiles
    on records.mobile_e164 = dead_mobiles.contact_point
left join dead_points as dead_phones
    on records.phone_e164 = dead_phones.contact_point
left join dead_points as dead_emails
    on records.email_normalised = dead_emails.contact_point
left join places on {{ same_place('records', 'places') }}
left join activity_sources on records.crm_source = activity_sources.crm_source
left join responses on records.source_channel_group = responses.source_channel
left join owners on records.owner_key = owners.owner_key
left join owner_sources on records.crm_source = owner_sources.crm_source
where {{ existed() }}
