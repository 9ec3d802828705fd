-- First part of the one transaction of `chatalot restore`: empties schema public.
-- What follows it is the output of pg_restore, then commit.sql. Whatever fails in
-- between, or never arrives, leaves the old data in place.
begin;
set local statement_timeout = 0;
-- A post that waits for our locks must not wait long if we wait for another: step back.
set local lock_timeout = '5s';

do $$
declare
    tables text;
    statements text[];
    statement text;
begin
    -- All tables first and in one order. A running server holds locks for moments only,
    -- but on several tables at once, so one attempt may end in a deadlock.
    for attempt in 1..20 loop
        select string_agg(c.oid::regclass::text, ', ' order by c.relname)
        into tables
        from pg_class c
        where c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p')
            and not exists (
                select from pg_depend d
                where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
            );
        exit when tables is null;
        begin
            execute 'lock table ' || tables || ' in access exclusive mode';
            exit;
        exception when deadlock_detected or lock_not_available then
            if attempt = 20 then
                raise;
            end if;
        end;
    end loop;

    -- The objects rather than the schema: up to PostgreSQL 14 the schema belongs to the
    -- superuser, and what extensions put there must stay. The statements are collected
    -- before the first one runs, because each may take others' objects with it.
    select array_agg(o.drop_statement order by o.rank, o.drop_statement)
    into statements
    from (
        select
            1 as rank,
            format('drop %s if exists public.%I cascade',
                case c.relkind
                    when 'v' then 'view'
                    when 'm' then 'materialized view'
                    when 'f' then 'foreign table'
                    when 'S' then 'sequence'
                    when 'c' then 'type'
                    else 'table'
                end, c.relname) as drop_statement,
            'pg_class'::regclass as class,
            c.oid
        from pg_class c
        where c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
            -- The sequence of an identity column goes with its table, and not without it.
            and not (c.relkind = 'S' and exists (
                select from pg_depend d
                where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i'
            ))
        union all
        select 2, format('drop routine if exists %s cascade', p.oid::regprocedure), 'pg_proc'::regclass, p.oid
        from pg_proc p
        where p.pronamespace = 'public'::regnamespace
        union all
        select 3, format('drop type if exists public.%I cascade', t.typname), 'pg_type'::regclass, t.oid
        from pg_type t
        where t.typnamespace = 'public'::regnamespace
            and t.typtype in ('d', 'e', 'r')
    ) o
    where not exists (
        select from pg_depend d
        where d.classid = o.class and d.objid = o.oid and d.deptype = 'e'
    );
    foreach statement in array coalesce(statements, '{}') loop
        execute statement;
    end loop;
end
$$;
