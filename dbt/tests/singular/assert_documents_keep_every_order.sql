{{ config(meta={'dagster': {'ref': {'name': 'int_purchases__documents'}}}) }}
-- Names, customers and rates are looked up without losing or doubling a version.
with orders as (
    select count(*) as versions, sum(net_doc) as net_doc from {{ ref('int_crm__orders') }}
),

staged as (
    select count(*) as versions
    from {{ ref('stg_crm__orders') }}
    where _quarantine_reason is null and not _is_deleted
),

documents as (
    select count(*) as versions, sum(net_doc) as net_doc
    from {{ ref('int_purchases__documents') }}
    where record_kind <> 'deals'
)

select
    staged.versions as staged_versions,
    orders.versions as order_versions,
    documents.versions as document_versions
from staged
cross join orders
cross join documents
where
    staged.versions <> orders.versions
    or orders.versions <> documents.versions
    or coalesce(orders.net_doc, 0) <> coalesce(documents.net_doc, 0)
