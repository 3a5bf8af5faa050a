{{ config(meta={'dagster': {'ref': {'name': 'load_manifest'}}}) }}
-- Counts in = counts out, for every file whose counts are completed.
select
    crm_source,
    kind,
    export_date,
    file,
    revision,
    rows_read,
    rows_loaded,
    rows_quarantined
from {{ ref('load_manifest') }}
where
    (rows_loaded is not null and rows_quarantined is null)
    or rows_read <> rows_loaded + rows_quarantined
