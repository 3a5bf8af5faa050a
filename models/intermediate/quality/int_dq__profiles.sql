-- Grain: one row per account, and per contact without one, known on the published date: which share of
-- the fields of its profile (seed profile_fields) is filled. Fields that its source never fills are
-- left out.
{%- set fields = [
    'account_name', 'phone', 'email', 'industry', 'source_channel', 'province', 'city', 'owner_key',
    'website', 'size', 'credit_code', 'birth_date', 'occupation',
] %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

records as (
    select
        'accounts' as entity,
        accounts.crm_source,
        accounts.account_key as record_key,
        accounts.customer_type,
        accounts.account_name,
        coalesce(accounts.mobile, accounts.phone) as phone,
        accounts.email,
        accounts.industry,
        accounts.source_channel,
        coalesce(accounts.province, accounts.country) as province,
        accounts.city,
        accounts.owner_key,
        accounts.website,
        coalesce(
            accounts.company_size,
            cast(accounts.employees as string),
            cast(accounts.annual_revenue as string)
        ) as size,
        accounts.credit_code,
        accounts.birth_date,
        accounts.occupation
    from {{ ref('int_crm__accounts') }} as accounts
    inner join run_context on {{ is_known('accounts', 'run_context.knowledge_date') }}
    union all
    select
        'contacts' as entity,
        contacts.crm_source,
        contacts.contact_key as record_key,
        'individual' as customer_type,
        contacts.contact_name as account_name,
        coalesce(contacts.mobile, contacts.phone) as phone,
        contacts.email,
        cast(null as string) as industry,
        contacts.source_channel,
        coalesce(contacts.province, contacts.country) as province,
        contacts.city,
        contacts.owner_key,
        cast(null as string) as website,
        cast(null as string) as size,
        cast(null as string) as credit_code,
        contacts.birth_date,
        coalesce(contacts.occupation, contacts.title) as occupation
    from {{ ref('int_crm__contacts') }} as contacts
    inner join run_context on {{ is_known('contacts', 'run_context.knowledge_date') }}
    where contacts.party_key = contacts.contact_key
),

weights as (
    select
        customer_type,
    {%- for field in fields %}
        coalesce(max(case when field = '{{ field }}' then weight end), 0) as {{ field }}_weight
        {{- ',' if not loop.last }}
    {%- endfor %}
    from {{ ref('profile_fields') }}
    group by customer_type
),

exported as (
    select
        entity,
        crm_source,
        customer_type,
    {%- for field in fields %}
        case when count({{ field }}) > 0 then 1 else 0 end as has_{{ field }}
        {{- ',' if not loop.last }}
    {%- endfor %}
    from records
    group by entity, crm_source, customer_type
),

summed as (
    {%- set filled, expected = [], [] %}
    {%- for field in fields %}
        {%- set weight = 'weights.' ~ field ~ '_weight' %}
        {%- do filled.append(
            'case when records.' ~ field ~ ' is null then 0 else ' ~ weight ~ ' end'
        ) %}
        {%- do expected.append('exported.has_' ~ field ~ ' * ' ~ weight) %}
    {%- endfor %}
    select
        records.record_key,
        {{ filled | join('\n        + ') }} as filled,
        {{ expected | join('\n        + ') }} as expected
    from records
    inner join weights on records.customer_type = weights.customer_type
    inner join exported
        on
            records.entity = exported.entity
            and records.crm_source = exported.crm_source
            and records.customer_type = exported.customer_type
)

select
    record_key,
    {{ rounded('100 * cast(filled as double) / cast(nullif(expected, 0) as double)') }}
        as profile_completeness_pct
from summed
