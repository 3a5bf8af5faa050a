-- Grain: one row per landed file and revision.
select
    crm_source,
    entity,
    kind,
    export_date,
    file,
    sha256,
    rows_read,
    rows_loaded,
    rows_quarantined,
    revision,
    is_newest_revision,
    encoding,
    loaded_at,
    {{ joined_texts('unknown_columns') }} as unknown_columns,
    {{ joined_texts('missing_columns') }} as missing_columns,
    {{ joined_texts('date_formats') }} as date_formats,
    {{ joined_texts('notes') }} as notes,
    error
from {{ source('raw', 'load_manifest') }}
