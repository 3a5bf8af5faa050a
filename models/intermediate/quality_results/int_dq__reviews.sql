-- Grain: one row per customer × dimension whose class rests on a field that fails a rule (seed
-- class_evidence), on the published date.
select distinct
    violations.customer_key,
    class_evidence.dimension
from {{ ref('int_dq__violations') }} as violations
inner join {{ ref('class_evidence') }} as class_evidence
    on
        violations.rule_id = class_evidence.rule_id
        and violations.entity = class_evidence.entity
where violations.customer_key is not null
