-- Grain: one row per exported row that could not be loaded.
with quarantined as (
    select * from {{ ref('int_quarantine__rows') }}
)

select
    crm_source,
    record_kind,
    source_file,
    source_row_number,
    export_date,
    record_id,
    reason,
    field,
    value,
    expected,
    hint_zh,
    hint_en,
    raw_text
from quarantined
