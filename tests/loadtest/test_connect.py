"""A secured NATS: who is let in, and what is said to whom is not."""

import asyncio
import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nkeys
import pytest

from deploy.ports import free_port
from loadtest.stages import BusError, connect, without_user
from tests.conftest import NATS_SERVER, wait_for_port

PASSWORD = "tell-nobody"
UNLIMITED = {"subs": -1, "data": -1, "payload": -1}


def serving(config: Path, port: int) -> Iterator[str]:
    command = [NATS_SERVER, "-a", "127.0.0.1", "-p", str(port), "-c", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_for_port(port)
        yield f"127.0.0.1:{port}"
        server.terminate()


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    config = tmp_path_factory.mktemp("nats") / "nats.conf"
    config.write_text(f"authorization {{ user: tester, password: {PASSWORD} }}")
    yield from serving(config, free_port())


def key(prefix: int) -> nkeys.KeyPair:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), prefix)))


def token(subject: nkeys.KeyPair, by: nkeys.KeyPair, claims: dict[str, object]) -> str:
    """A JWT as NATS's operators, accounts and users have them."""
    body = {
        "jti": "test",
        "iat": 1,
        "iss": by.public_key.decode(),
        "sub": subject.public_key.decode(),
        "name": "test",
        "nats": claims | {"version": 2},
    }
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body)
    ]
    signature = base64.urlsafe_b64encode(by.sign(b".".join(parts))).rstrip(b"=")
    return b".".join([*parts, signature]).decode()


@pytest.fixture(scope="module")
def with_credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(address, the .creds file of a user)."""
    folder = tmp_path_factory.mktemp("nats")
    operator, account, user = (
        key(prefix)
        for prefix in (
            nkeys.PREFIX_BYTE_OPERATOR,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_USER,
        )
    )
    limits = UNLIMITED | {"conn": -1, "imports": -1, "exports": -1, "leaf": -1}
    of_account = token(account, operator, {"type": "account", "limits": limits})
    of_user = token(user, account, {"type": "user", **UNLIMITED})
    config = folder / "nats.conf"
    config.write_text(
        f"operator: {token(operator, operator, {'type': 'operator'})}\n"
        "resolver: MEMORY\n"
        f"resolver_preload: {{ {account.public_key.decode()}: {of_account} }}\n"
    )
    credentials = folder / "user.creds"
    credentials.write_text(
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    for address in serving(config, free_port()):
        yield address, credentials


async def test_a_user_and_password(with_password: str) -> None:
    connection = await connect(f"nats://tester:{PASSWORD}@{with_password}")
    await connection.close()


@pytest.mark.parametrize("user", ["", f"somebody:{PASSWORD}@"])
async def test_who_is_not_let_in_is_told_so_without_the_password(
    with_password: str, user: str
) -> None:
    with pytest.raises(BusError, match=r"lets us not in .*GREENROOM_NATS_CREDENTIALS") as raised:
        await connect(f"nats://{user}{with_password}")
    assert with_password in str(raised.value)
    assert PASSWORD not in str(raised.value)


async def test_the_credentials_of_the_environment(
    with_credentials: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, path = with_credentials
    with pytest.raises(BusError, match="lets us not in"):
        await connect(f"nats://{address}")
    monkeypatch.setenv("GREENROOM_NATS_CREDENTIALS", str(path))
    connection = await connect(f"nats://{address}")
    await connection.flush()
    await connection.close()


@pytest.mark.parametrize("content", [b"", b"no credentials"])
async def test_credentials_that_are_none(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "user.creds"
    monkeypatch.setenv("GREENROOM_NATS_CREDENTIALS", str(path))
    with pytest.raises(BusError, match=r"user\.creds: can't be read"):
        await connect("nats://127.0.0.1:9")
    await asyncio.to_thread(path.write_bytes, content)
    with pytest.raises(BusError, match=r"user\.creds: is no \.creds file"):
        await connect("nats://127.0.0.1:9")


def test_addresses_are_shown_without_users() -> None:
    assert without_user("nats://a:b@c:1,d:e@f,tls://g:2") == "nats://c:1,f,tls://g:2"
