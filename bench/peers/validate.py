"""The same validation as people write it with Flask and SQLAlchemy: models, and a session for each request."""

import hashlib
import hmac
import os
import uuid
from datetime import datetime, timedelta, timezone

from flask import Flask, jsonify, request
from sqlalchemy import ForeignKey, String, create_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    joinedload,
    mapped_column,
    relationship,
    sessionmaker,
)
from waitress import create_server

SHANGHAI = timezone(timedelta(hours=8))
HASH_KEY = bytes.fromhex(os.environ["HASH_KEY"])


class Base(DeclarativeBase):
    pass


class Batch(Base):
    __tablename__ = "card_batches"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    frozen: Mapped[bool]
    revoked: Mapped[bool]


class Product(Base):
    __tablename__ = "card_products"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(50))


class Policy(Base):
    __tablename__ = "card_policies"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    max_machines: Mapped[int]


class Card(Base):
    __tablename__ = "cards"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    machine_code: Mapped[str | None] = mapped_column(String(255))
    expire_at: Mapped[datetime | None]
    uses_left: Mapped[int | None]
    deleted_at: Mapped[datetime | None]
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("card_batches.id"))
    product_id: Mapped[str | None] = mapped_column(ForeignKey("card_products.id"))
    policy_id: Mapped[str | None] = mapped_column(ForeignKey("card_policies.id"))
    batch: Mapped[Batch | None] = relationship()
    product: Mapped[Product | None] = relationship()
    policy: Mapped[Policy | None] = relationship()


engine = create_engine(os.environ["DATABASE"], pool_size=16)
Session = sessionmaker(engine)
app = Flask(__name__)
around = [joinedload(Card.batch), joinedload(Card.product), joinedload(Card.policy)]


def refuse(status, message):
    return jsonify(status="error", message=message), status


def shown(moment):
    return moment.astimezone(SHANGHAI).isoformat(timespec="milliseconds")


@app.post("/api/validate")
def validate():
    order = request.get_json()
    code, machine = order.get("code"), order.get("machine_code")
    if not isinstance(code, str) or not isinstance(machine, str):
        return refuse(400, "卡密和机器码不能为空")
    code_hash = hmac.new(HASH_KEY, code.encode(), hashlib.sha256).hexdigest()
    with Session() as session:
        found = session.query(Card).options(*around)
        card = found.filter_by(code_hash=code_hash, deleted_at=None).one_or_none()
        if card is None:
            return refuse(404, "卡密不存在")
        now = datetime.now(timezone.utc)
        expire_at = card.expire_at and card.expire_at.replace(tzinfo=timezone.utc)
        if card.state != "active" or (card.batch and (card.batch.frozen or card.batch.revoked)):
            return refuse(403, "卡密已停用")
        if expire_at and expire_at <= now:
            return refuse(403, "卡密已过期")
        if card.machine_code != machine:
            return refuse(403, "机器码不匹配")
        left = expire_at and round((expire_at - now).total_seconds() / 3600, 2)
        return jsonify(
            status="success",
            message="授权成功",
            expire_at=expire_at and shown(expire_at),
            remaining_hours=left,
            uses_left=card.uses_left,
            product=card.product and card.product.slug,
            entitlements=[],
            code="VALID",
            server_time=shown(now),
            request_id=str(uuid.uuid4()),
        )


server = create_server(app, host="127.0.0.1", port=0, threads=16)
print(f"http://127.0.0.1:{server.effective_port}", flush=True)
server.run()
