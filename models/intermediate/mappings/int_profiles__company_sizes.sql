-- Grain: one row per as_of_date × industry, the sizes in force on it as columns.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
),

company_sizes as (
    select * from {{ ref('company_sizes') }}
)

select
    run_context.as_of_date,
    {%- for measure in ['employees', 'annual_revenue'] %}
        {%- for size in ['small', 'medium', 'large'] %}
            max(
                case
                    when company_sizes.measure = '{{ measure }}' then company_sizes.{{ size }}_from
                end
            )
                as {{ measure }}_{{ size }}_from,
        {%- endfor %}
    {%- endfor %}
    company_sizes.industry
from run_context
inner join company_sizes
    on
        run_context.as_of_date >= company_sizes.valid_from
        and (company_sizes.valid_to is null or run_context.as_of_date <= company_sizes.valid_to)
group by run_context.as_of_date, company_sizes.industry
