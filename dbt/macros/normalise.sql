{#-
    Normal forms of phones, e-mail addresses and names. The step dagster_project/normalise asks the
    libraries about every text that is not in plain form; their answers are joined by the text. A
    text without an answer is in plain form, which is read here.
-#}

{#- E.164 of a phone; null if it is not valid. phones: the joined raw.normalised_phones. Plain form:
    a mainland mobile or a landline with its area code, with or without 86. -#}
{% macro phone_e164(text, phones) -%}
    {%- set digits = "translate(" ~ text ~ ", ' -()+', '')" -%}
    case
        when {{ phones }}.phone_text is not null then {{ phones }}.phone_e164
        when {{ digits }} like '860%' then '+86' || substr({{ digits }}, 4)
        when {{ digits }} like '86%' then '+' || {{ digits }}
        when {{ digits }} like '0%' then '+86' || substr({{ digits }}, 2)
        else '+86' || {{ digits }}
    end
{%- endmacro %}

{#- Is a filled phone or mobile not valid? phone is filled where either is. -#}
{% macro has_invalid_phone(phone, phones, mobiles) -%}
    case
        when {{ phone }} is not null
            then
                coalesce(not {{ phones }}.is_valid, false)
                or coalesce(not {{ mobiles }}.is_valid, false)
    end
{%- endmacro %}

{#- ISO region of a valid phone. -#}
{% macro phone_region(text, phones) -%}
    case
        when {{ phones }}.phone_text is not null then {{ phones }}.phone_region
        when {{ text }} is not null then 'CN'
    end
{%- endmacro %}

{#- Area code of a landline of mainland China, without its 0, from E.164. -#}
{% macro area_code(e164) -%}
    case
        when {{ e164 }} like '+8610%' then '10'
        when {{ e164 }} like '+862%' then substr({{ e164 }}, 4, 2)
        when {{ e164 }} like '+86%' and length({{ e164 }}) >= 13 then substr({{ e164 }}, 4, 3)
    end
{%- endmacro %}

{#- The address in lower case with its domain in ASCII; null if it is not valid. emails: the joined
    raw.normalised_emails. Plain form: it is in that form already. -#}
{% macro email_address(text, emails) -%}
    case
        when {{ emails }}.email_text is not null then {{ emails }}.email_address
        else {{ text }}
    end
{%- endmacro %}

{#- A credit code in capitals without separators, right or wrong. codes: the joined
    raw.normalised_codes. Plain form: a code in that form whose check digit is right. -#}
{% macro credit_code(text, codes) -%}
    case when {{ codes }}.code_text is not null then {{ codes }}.credit_code else {{ text }} end
{%- endmacro %}

{#- Is a filled text what it ought to be? answers: the joined answers of the library; a text without
    one is in plain form. -#}
{% macro is_valid_text(text, answers) -%}
    case when {{ text }} is not null then coalesce({{ answers }}.is_valid, true) end
{%- endmacro %}

{#- What a feed row and a record meet by: the normal form, else what was written. -#}
{% macro contact_point(normalised, text) -%}
    coalesce({{ normalised }}, {{ folded(text) }})
{%- endmacro %}

{#- What names are compared by: without case, blanks and marks; a company's without its legal form,
    unless nothing else is left. names: the joined raw.normalised_names. Plain form: printable ASCII
    and ideographs, which NFKC leaves as they are. -#}
{% macro name_key(text, names, is_company=none) -%}
    {%- set usual -%}
        case when {{ names }}.name_text is not null then {{ names }}.name_nfkc else {{ text }} end
    {%- endset -%}
    {%- set words = name_words(usual) -%}
    {%- set key = "nullif(replace(" ~ words ~ ", ' ', ''), '')" -%}
    {%- if is_company is none -%}
        {{ key }}
    {%- else -%}
        {%- set form = ending(words, legal_form_endings()) -%}
        case
            when {{ is_company }}
                then
                    coalesce(
                        nullif(
                            replace(
                                substr({{ words }}, 1, length({{ words }}) - length({{ form }})),
                                ' ',
                                ''
                            ),
                            ''
                        ),
                        {{ key }}
                    )
            else {{ key }}
        end
    {%- endif -%}
{%- endmacro %}

{#- Does a name end in a legal form? names: the joined raw.normalised_names. -#}
{% macro has_legal_form(text, names) -%}
    {%- set usual -%}
        case when {{ names }}.name_text is not null then {{ names }}.name_nfkc else {{ text }} end
    {%- endset -%}
    {{ ending(name_words(usual), legal_form_endings()) }} <> ''
{%- endmacro %}

{#- A name in lower case, marks between words as blanks, others left out. No mark that means
    something in a regular expression is left. -#}
{% macro name_words(text) -%}
    replace(
        replace(
            translate(
                lower({{ text }}),
                '　,;:!?&+_/()[]{}<>"|、。·•~=@#%^*-.`$’‘“”《》【】「」…—',
                '                    '
            ),
            chr(39),
            ''
        ),
        chr(92),
        ''
    )
{%- endmacro %}

{#- Regular expression of the legal forms of the seed, as name_words writes them; those in letters
    begin at a blank. Read by its name: in a unit test ref() would name rows that are no table. -#}
{% macro legal_form_endings() -%}
    {%- set ideographs, letters = [], [] -%}
    {%- if execute -%}
        {%- set query -%}
            select distinct {{ name_words('legal_form') }} as words
            from seeds.legal_forms
            order by words nulls last
        {%- endset -%}
        {%- for row in run_query(query).rows -%}
            {%- set form = row[0].split() | join(' *') -%}
            {%- do (letters if modules.re.match('[a-z]', form) else ideographs).append(form) -%}
        {%- endfor -%}
    {%- endif -%}
    ( *({{ ideographs | join('|') or 'limited' }})| +({{ letters | join('|') or 'limited' }})) *
{%- endmacro %}
