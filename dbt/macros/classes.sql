{#-
    The decision of each class that rests on numbers, once: the models that classify and the model
    that explains both call it. `i` names the inputs (a mapping of input to SQL expression), so that
    an explanation can ask what the class would be with another value of one input. Thresholds come
    from a relation called thresholds (int_config__thresholds).
-#}

{% macro relationship_stage_of(i) -%}
    case
        when {{ i.purchase_days }} = 0
            then
                case
                    when {{ i.open_deals }} > 0 or {{ i.two_way_contacts }} > 0 then 'exploration'
                    else 'not_applicable'
                end
        when
            {{ i.recency_days }} > greatest(
                cast(thresholds.decline_cadence_factor as double) * {{ i.cadence_days }},
                cast(thresholds.decline_min_days as double)
            )
            or (
                {{ i.prior_purchase_days }} >= thresholds.decline_min_prior_days
                and {{ i.prior_base }} > 0
                and {{ i.recent_base }}
                < cast(thresholds.decline_amount_ratio as decimal(9, 4)) * {{ i.prior_base }}
            )
            then 'decline'
        when
            {{ i.purchase_days }} <= thresholds.exploration_purchase_days
            or {{ i.tenure_days }} <= thresholds.exploration_tenure_days
            then 'exploration'
        when
            {{ i.purchase_days }} >= thresholds.maturity_purchase_days
            and {{ i.tenure_days }} >= thresholds.maturity_tenure_days
            and {{ i.recency_days }}
            <= cast(thresholds.maturity_cadence_factor as double) * {{ i.cadence_days }}
            then 'maturity'
        else 'formation'
    end
{%- endmacro %}

{% macro customer_status_of(i) -%}
    case
        when {{ i.purchase_days }} = 0 then 'prospect'
        when
            {{ i.recency_days }} > greatest(
                cast(thresholds.churn_min_days as double),
                cast(thresholds.churn_cadence_factor as double) * {{ i.cadence_days }}
            )
            then 'churned'
        when {{ i.tenure_days }} <= thresholds.new_tenure_days then 'new'
        when ({{ relationship_stage_of(i) }}) = 'decline' then 'declining'
        when
            {{ i.prior_purchase_days }} >= thresholds.growth_min_prior_days
            and {{ i.prior_base }} > 0
            and {{ i.recent_purchase_days }} >= thresholds.growth_min_days
            and {{ i.recent_base }}
            >= cast(thresholds.growth_amount_ratio as decimal(9, 4)) * {{ i.prior_base }}
            then 'growing'
        else 'stable'
    end
{%- endmacro %}

{% macro prospect_stage_of(i) -%}
    case
        when
            {{ i.window_purchase_days }} >= thresholds.loyal_purchase_days
            and {{ i.recency_days }} <= thresholds.loyal_recency_days
            then 'loyal'
        when {{ i.purchase_days }} >= 1 then 'purchase'
        when
            {{ i.open_deals }} > 0
            or {{ i.qualified_leads }} > 0
            or {{ i.intent_score }} >= thresholds.intent_stage_score
            then 'intent'
        else 'first_contact'
    end
{%- endmacro %}

{% macro loyalty_class_of(i) -%}
    case
        when {{ i.loyalty_score }} is null then 'not_applicable'
        when {{ i.loyalty_score }} >= thresholds.loyalty_high then 'high'
        else 'low'
    end
{%- endmacro %}

{% macro value_class_of(i) -%}
    case
        when {{ i.value_score }} is null then 'not_applicable'
        when {{ i.value_score }} >= thresholds.value_high then 'high'
        when {{ i.value_score }} >= thresholds.value_medium then 'medium'
        else 'low'
    end
{%- endmacro %}

{% macro frequency_class_of(i) -%}
    case
        when {{ i.window_purchase_days }} >= thresholds.frequency_high_days then 'high'
        when {{ i.window_purchase_days }} >= thresholds.frequency_medium_days then 'medium'
        when {{ i.window_purchase_days }} >= thresholds.frequency_low_days then 'low'
        else 'none'
    end
{%- endmacro %}

{% macro behavior_class_of(i) -%}
    case
        when not {{ i.delivers_activities }} then 'unknown'
        when {{ i.interactions_30d }} >= thresholds.behavior_active_interactions then 'active'
        when
            {{ i.interactions_90d }} = 0
            and {{ i.age_days }} > thresholds.behavior_dormant_days
            then 'dormant'
        when {{ i.first_purchase_date }} is null then 'potential'
        else 'occasional'
    end
{%- endmacro %}

{% macro relationship_closeness_of(i) -%}
    case
        when {{ i.behavior_class }} = 'unknown' then 'unknown'
        when
            {{ i.tenure_days }} >= thresholds.close_tenure_days
            and {{ i.two_way_contacts_180d }} >= thresholds.close_contacts
            and {{ i.feedback_class }} <> 'dissatisfied'
            then 'close'
        else 'loose'
    end
{%- endmacro %}

{% macro intent_class_of(i) -%}
    case
        when {{ i.intent_score }} >= thresholds.intent_high then 'high'
        when {{ i.intent_score }} >= thresholds.intent_medium then 'medium'
        else 'low'
    end
{%- endmacro %}

{% macro feedback_class_of(i) -%}
    case
        when {{ i.open_complaints }} > 0 then 'dissatisfied'
        when
            {{ i.satisfaction_score }} <= cast(thresholds.feedback_dissatisfied_score as double)
            then 'dissatisfied'
        when
            {{ i.satisfaction_score }} >= cast(thresholds.feedback_satisfied_score as double)
            then 'satisfied'
        when {{ i.answers_365d }} > 0 or {{ i.recent_complaints }} > 0 then 'neutral'
        else 'unknown'
    end
{%- endmacro %}

{#- By the lines of the night (int_explanations__lines), which are what the scores come to. -#}
{% macro rfm_class_of(i) -%}
    case when {{ i.rfm_monetary_base }} >= {{ i.monetary_min }} then 'important_' else 'general_' end
    || case
        when {{ i.recency_days }} <= {{ i.recency_max }} and {{ i.frequency }} >= {{ i.frequency_min }}
            then 'value'
        when {{ i.recency_days }} <= {{ i.recency_max }} then 'develop'
        when {{ i.frequency }} >= {{ i.frequency_min }} then 'keep'
        else 'winback'
    end
{%- endmacro %}

{% macro abc_tier_of(i) -%}
    least(
        case
            when {{ i.monetary_base }} <= 0 then 'C'
            when {{ i.monetary_base }} >= {{ i.a_min }} then 'A'
            when {{ i.monetary_base }} >= {{ i.b_min }} then 'B'
            when {{ i.a_min }} is not null then 'C'
        end,
        {{ i.held_tier }}
    )
{%- endmacro %}

{% macro purchasing_power_of(i) -%}
    case
        when {{ i.average_order_base }} >= {{ i.median_order_base }} then 'high'
        when {{ i.average_order_base }} is not null then 'low'
        else coalesce({{ i.power_of_size }}, 'unknown')
    end
{%- endmacro %}

{% macro purchase_channel_of(i) -%}
    case
        when {{ i.window_online_base }} = 0 and {{ i.window_offline_base }} = 0 then 'unknown'
        when {{ i.window_online_base }} > {{ i.window_offline_base }} then 'online'
        when {{ i.window_online_base }} < {{ i.window_offline_base }} then 'offline'
        when {{ i.is_online_last }} then 'online'
        else 'offline'
    end
{%- endmacro %}

{#- The inputs of a class as columns of a relation. -#}
{% macro named_inputs(relation, names) -%}
    {%- set columns = {} -%}
    {%- for name in names -%}
        {%- do columns.update({name: relation ~ '.' ~ name}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
