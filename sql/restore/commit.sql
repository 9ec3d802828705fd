-- Last part of the one transaction of `chatalot restore`, sent only when pg_restore has
-- read the whole archive. The new epoch tells running servers, by comparison with the one
-- they read at their start, that positions and ids they remember mean nothing any more.
update public.instance set epoch = gen_random_uuid();
-- Which one-time keys were handed out since the backup nobody knows: none of them is again. Their
-- devices see that they have none left, and upload new ones. An older schema has no such table.
do $$
begin
    if to_regclass('public.one_time_keys') is not null then
        update public.one_time_keys set key = null, claimed_at = now() where key is not null;
    end if;
end
$$;
commit;
