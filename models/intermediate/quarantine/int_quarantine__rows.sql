-- Grain: one row per staged row that cannot be used: why, and what would release it.
with quarantined as (
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__accounts') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__activities') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__campaign_members') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__campaigns') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__contacts') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__deals') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__email_events') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__exchange_rates') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__feedback') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__holidays') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__leads') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__notes') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__order_lines') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__orders') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__owners') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__products') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__refunds') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__stage_events') }}
    where _quarantine_reason is not null
    union all
    select
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _row_text,
        _duplicate_of_row
    from {{ ref('stg_crm__web_sessions') }}
    where _quarantine_reason is not null
)

select
    _source as crm_source,
    _kind as record_kind,
    _source_file as source_file,
    _source_row_number as source_row_number,
    _export_date as export_date,
    _record_id as record_id,
    _quarantine_reason as reason,
    case
        when _quarantine_reason in ('structure', 'duplicate') then 'row'
        else _quarantine_reason
    end as field,
    case
        when _quarantine_reason = 'structure' then _row_error
        when _quarantine_reason = 'duplicate'
            then 'also in row ' || cast(_duplicate_of_row as string)
        else _cast_errors
    end as value,
    case _quarantine_reason
        when 'structure' then 'as many fields as the header has'
        when 'record_id' then 'an id in every row'
        when 'duplicate' then 'one row per id'
        when 'grand_total' then 'an amount such as 12400.00'
        when 'amount' then 'an amount such as 12400.00'
        when 'rate' then 'a rate above zero'
        else 'a date such as 2026-11-20'
    end as expected,
    case _quarantine_reason
        when 'structure' then '检查该行的引号与分隔符后重新导出。'
        when 'record_id' then '在导出中勾选记录编号列后重新导出。'
        when 'duplicate' then '在 CRM 中合并重复记录，或检查导出视图。'
        when 'grand_total' then '在 CRM 中更正金额后重新导出。'
        when 'amount' then '在 CRM 中更正金额后重新导出。'
        when 'rate' then '更正汇率文件。'
        else '在 CRM 中补全或更正日期后重新导出。'
    end as hint_zh,
    case _quarantine_reason
        when 'structure' then 'Check the quotes and separators of this row and export again.'
        when 'record_id' then 'Include the record id column and export again.'
        when 'duplicate' then 'Merge the duplicates in the CRM, or check the exported view.'
        when 'grand_total' then 'Correct the amount in the CRM and export again.'
        when 'amount' then 'Correct the amount in the CRM and export again.'
        when 'rate' then 'Correct the file of exchange rates.'
        else 'Fill in or correct the date in the CRM and export again.'
    end as hint_en,
    _row_text as raw_text
from quarantined
