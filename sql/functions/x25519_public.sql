-- x25519_public: the public key of an X25519 private key (RFC 7748), so that what login servers publish, and what a DBA retires,
-- is matched to the key it belongs to. By ladder, 10 to 20 ms: only when a key is made. Null for null.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: cluster_key_add.
create or replace function orrery.x25519_public(p_private bytea) returns bytea
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
declare
  c_p    constant numeric := 57896044618658097711785492504343953926634992332820282019728792003956564819949; -- 2^255 - 19
  v_key  bytea := set_byte(set_byte(p_private, 0, get_byte(p_private, 0) & 248), 31, get_byte(p_private, 31) & 127 | 64);
  v_x2   numeric := 1;
  v_z2   numeric := 0;
  v_x3   numeric := 9;
  v_z3   numeric := 1;
  v_swap boolean := false;
  v_bit  boolean;
  v_a    numeric;
  v_b    numeric;
  v_c    numeric;
  v_d    numeric;
  v_hold numeric;
  v_e    numeric;
  v_out  bytea := decode(repeat('00', 32), 'hex');
begin
  for v_n in reverse 254..0 loop
    v_bit := get_byte(v_key, v_n / 8) >> (v_n % 8) & 1 = 1;
    if v_bit <> v_swap then
      v_hold := v_x2; v_x2 := v_x3; v_x3 := v_hold;
      v_hold := v_z2; v_z2 := v_z3; v_z3 := v_hold;
    end if;
    v_swap := v_bit;
    v_a := v_x2 + v_z2;
    v_b := v_x2 - v_z2 + c_p;
    v_c := (v_x3 - v_z3 + c_p) * v_a % c_p;
    v_d := (v_x3 + v_z3) * v_b % c_p;
    v_a := v_a * v_a % c_p;
    v_b := v_b * v_b % c_p;
    v_e := v_a - v_b + c_p;
    v_hold := v_c + v_d;
    v_x3 := v_hold * v_hold % c_p;
    v_hold := v_c - v_d;
    v_z3 := v_hold * v_hold % c_p * 9 % c_p;
    v_x2 := v_a * v_b % c_p;
    v_z2 := v_e * (v_a + 121665 * v_e) % c_p;
  end loop;
  if v_swap then
    v_x2 := v_x3;
    v_z2 := v_z3;
  end if;
  -- the inverse of z: its power p - 2, whose 255 bits are ones but for 2^4 and 2^2
  v_a := 1;
  for v_n in reverse 254..0 loop
    v_a := v_a * v_a % c_p;
    if v_n not in (2, 4) then
      v_a := v_a * v_z2 % c_p;
    end if;
  end loop;
  v_x2 := v_x2 * v_a % c_p;
  for v_n in 0..31 loop
    v_out := set_byte(v_out, v_n, (v_x2 % 256)::integer);
    v_x2 := div(v_x2, 256);
  end loop;
  return v_out;
end
$$;
comment on function orrery.x25519_public(bytea) is 'The public key of an X25519 private key.';
