-- Last part of the one transaction of `chatalot restore`, sent only when pg_restore has
-- read the whole archive. The new epoch tells running servers, by comparison with the one
-- they read at their start, that positions and ids they remember mean nothing any more.
update public.instance set epoch = gen_random_uuid();
commit;
