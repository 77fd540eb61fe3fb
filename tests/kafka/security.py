"""TLS, SASL and certificates against a real broker: read_kafka and the sink, options as librdkafka and as Spark spells them, and what is said when
a password, a certificate or a host name is wrong."""
import os
import shutil
import subprocess
import tempfile
import time

import broker
from support import MILLRACE_CHECKED, Checks, Failed, same, suite

JAVA = "org.apache.kafka.common.security."
PLAIN_USER, PLAIN_PASSWORD = "$ConnectionString", "Endpoint=sb://name.example/;SharedAccessKeyName=k;SharedAccessKey=x+y/z="


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def authority(directory, name):
    openssl(directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(directory, name, signer, alternatives):
    """NAME.key, NAME.pem, and both in NAME-all.pem, as the broker and Java clients take it."""
    with open(os.path.join(directory, name + ".ext"), "w") as file:
        file.write("subjectAltName=" + alternatives + "\n")
    openssl(directory, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl(directory, "x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial",
            "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    with open(os.path.join(directory, name + "-all.pem"), "w") as file:
        for part in (".key", ".pem"):
            with open(os.path.join(directory, name + part)) as text:
                file.write(text.read())


class World:
    """Certificates, and the broker's listeners: SASL (every mechanism), MUTUAL (certificates of clients), NAMELESS (a certificate of another host)."""

    def __init__(self):
        self.directory = d = tempfile.mkdtemp(prefix="millrace-tls-")
        for name in ("ca", "stranger"):
            authority(d, name)
        certificate(d, "server", "ca", "IP:127.0.0.1,DNS:localhost")
        certificate(d, "nameless", "ca", "DNS:elsewhere.example")
        certificate(d, "client", "ca", "DNS:client")
        certificate(d, "foreign", "stranger", "DNS:client")
        openssl(d, "pkcs12", "-export", "-inkey", "client.key", "-in", "client.pem", "-passout", "pass:secret", "-out", "client.p12")
        openssl(d, "pkcs12", "-export", "-nokeys", "-in", "ca.pem", "-passout", "pass:secret", "-out", "ca.p12")
        if shutil.which("keytool"):
            subprocess.run(["keytool", "-importcert", "-noprompt", "-storetype", "JKS", "-alias", "ca", "-file", "ca.pem", "-keystore", "ca.jks",
                            "-storepass", "secret1"], cwd=d, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(self.path("suppressions"), "w") as file:  # librdkafka forgets the certificates of a PKCS#12 store, or of PEM in an option
            file.write("leak:libcrypto.so\n")
        os.environ["LSAN_OPTIONS"] = "print_suppressions=0:suppressions=" + self.path("suppressions")
        self.sasl, self.mutual, self.nameless = (f"127.0.0.1:{broker.free_port()}" for _ in range(3))

    def path(self, name):
        return os.path.join(self.directory, name)

    def settings(self):
        common = "org.apache.kafka.common.security"
        lines = ["sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
                 f"listener.name.sasl.plain.sasl.jaas.config={common}.plain.PlainLoginModule required username=\"b\" password=\"b\" "
                 f"\"user_{PLAIN_USER}\"=\"{PLAIN_PASSWORD}\";",
                 f"listener.name.sasl.scram-sha-256.sasl.jaas.config={common}.scram.ScramLoginModule required;",
                 f"listener.name.sasl.scram-sha-512.sasl.jaas.config={common}.scram.ScramLoginModule required;",
                 f"listener.name.sasl.oauthbearer.sasl.jaas.config={common}.oauthbearer.OAuthBearerLoginModule required "
                 "unsecuredLoginStringClaim_sub=\"b\";",
                 "ssl.keystore.type=PEM", "ssl.truststore.type=PEM", "ssl.keystore.location=" + self.path("server-all.pem"),
                 "ssl.truststore.location=" + self.path("ca.pem"), "listener.name.mutual.ssl.client.auth=required",
                 "listener.name.nameless.ssl.keystore.type=PEM", "listener.name.nameless.ssl.keystore.location=" + self.path("nameless-all.pem")]
        return {"more_listeners": f",SASL://{self.sasl},MUTUAL://{self.mutual},NAMELESS://{self.nameless}",
                "more_protocols": ",SASL:SASL_SSL,MUTUAL:SSL,NAMELESS:SSL", "more_properties": "\n".join(lines) + "\n",
                "users": ["SCRAM-SHA-256=[name=anna,password=anna-secret]", "SCRAM-SHA-512=[name=bert,password=\"b e rt\"]"]}


WORLD = None


def tls(**more):
    return {"kafka.security.protocol": "SSL", "kafka.ssl.ca.location": WORLD.path("ca.pem"), **more}


def sasl(mechanism="SCRAM-SHA-256", user="anna", password="anna-secret", **more):
    return {"kafka.security.protocol": "SASL_SSL", "kafka.ssl.ca.location": WORLD.path("ca.pem"), "kafka.sasl.mechanism": mechanism,
            **({"kafka.sasl.username": user, "kafka.sasl.password": password} if user else {}), **more}


def dotted(**settings):
    return {"kafka." + name.replace("_", "."): value for name, value in settings.items()}


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def source_options(settings):
    return "".join(f", `{name}` => {quoted(value)}" for name, value in settings.items())


def sink_options(settings):
    return "".join(f", `{name}` {quoted(value)}" for name, value in settings.items())


def through(kafka, servers, settings, name):
    """Rows pass the source and the sink with these settings."""
    kafka.topic(name)
    kafka.topic(name + ".out")
    kafka.send(name, ["1", "2", "3"])
    project = kafka.project(s=f"CREATE SINK out USING kafka OPTIONS (bootstrapServers '{servers}', topic '{name}.out'{sink_options(settings)});\n"
                              f"CREATE FLOW f AS INSERT INTO out BY NAME SELECT value FROM STREAM read_kafka(bootstrapServers => '{servers}', "
                              f"subscribe => '{name}', startingOffsets => 'earliest'{source_options(settings)});")
    project.run()
    same([v for (_, _, v, _) in kafka.read(name + ".out")], [b"1", b"2", b"3"], name)
    kafka.drop(name)
    kafka.drop(name + ".out")


def scram(kafka):
    through(kafka, WORLD.sasl, sasl(), "scram256")
    through(kafka, WORLD.sasl, sasl("SCRAM-SHA-512", "bert", "b e rt"), "scram512")
    through(kafka, WORLD.sasl, {"kafka.security.protocol": "SASL_SSL", **dotted(ssl_truststore_location=WORLD.path("ca.pem"), ssl_truststore_type="PEM"),
                                "kafka.sasl.mechanism": "SCRAM-SHA-256", "kafka.sasl.jaas.config":
                                f"{JAVA}scram.ScramLoginModule required username=\"anna\" password=\"anna-secret\";"}, "jaas.scram")
    _, said = failure(kafka, WORLD.sasl, sasl(password="guessed"))
    assert "KAFKA_REQUEST_FAILED.AUTHENTICATION" in said, said


def scram_at_strict_brokers(kafka):
    """librdkafka before 2.6.1 cannot: then it is said."""
    try:
        through(kafka, WORLD.sasl, sasl(), "strict")
    except Failed as why:
        assert "KAFKA_REQUEST_FAILED.AUTHENTICATION" in str(why) and "2.6.1" in str(why), str(why)


def plain_as_event_hubs(kafka):
    through(kafka, WORLD.sasl, sasl("PLAIN", PLAIN_USER, PLAIN_PASSWORD), "plain")


def mutual_tls(kafka):
    through(kafka, WORLD.mutual, tls(**dotted(ssl_certificate_location=WORLD.path("client.pem"), ssl_key_location=WORLD.path("client.key"))), "mtls")
    through(kafka, WORLD.mutual, tls(**dotted(ssl_keystore_location=WORLD.path("client.p12"), ssl_keystore_password="secret")), "mtls12")


def bearer_tokens(kafka):
    through(kafka, WORLD.sasl, sasl("OAUTHBEARER", None, **{"kafka.enable.sasl.oauthbearer.unsecure.jwt": "true",
                                                           "kafka.sasl.oauthbearer.config": "principal=carla lifeSeconds=5"}), "bearer")


def names_of_spark(kafka):
    trust = dotted(ssl_truststore_location=WORLD.path("ca.pem"), ssl_truststore_type="PEM")
    base = {"kafka.security.protocol": "SASL_SSL", **trust}
    through(kafka, WORLD.sasl, {**base, "kafka.sasl.mechanism": "PLAIN", "kafka.sasl.jaas.config":
                                f"kafkashaded.{JAVA}plain.PlainLoginModule required username='{PLAIN_USER}' password=\"{PLAIN_PASSWORD}\" ;"}, "jaas.plain")
    through(kafka, WORLD.sasl, {**base, "kafka.sasl.mechanism": "OAUTHBEARER", "kafka.sasl.jaas.config":
                                f"{JAVA}oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"carla\";"}, "jaas.bearer")
    through(kafka, WORLD.mutual, {"kafka.security.protocol": "SSL", **trust, **dotted(ssl_keystore_location=WORLD.path("client-all.pem"),
                                                                                     ssl_keystore_type="PEM")}, "java.pem")
    through(kafka, WORLD.mutual, {"kafka.security.protocol": "SSL", **trust, **dotted(
        ssl_keystore_location=WORLD.path("client.p12"), ssl_keystore_password="secret", ssl_keystore_type="PKCS12", fetch_max_wait_ms="100",
        max_request_size="2000000")}, "java.p12")
    with open(WORLD.path("ca.pem")) as ca, open(WORLD.path("client.pem")) as chain, open(WORLD.path("client.key")) as key:
        through(kafka, WORLD.mutual, {"kafka.security.protocol": "SSL", **dotted(ssl_truststore_certificates=ca.read(), ssl_keystore_key=key.read()),
                                      "kafka.ssl.keystore.certificate.chain": chain.read()}, "java.inline")
    through(kafka, WORLD.nameless, {**tls(), "kafka.ssl.endpoint.identification.algorithm": ""}, "java.nohost")


def failure(kafka, servers, settings, sink=False):
    """(seconds, message) of a read, or of a sink, that does not come about."""
    begun = time.time()
    try:
        if sink:
            kafka.project(s=f"CREATE SINK out USING kafka OPTIONS (bootstrapServers '{servers}', topic 'wrong'{sink_options(settings)});\n"
                            "CREATE FLOW f AS INSERT INTO out BY NAME SELECT value FROM STREAM read_kafka(bootstrapServers => '$S', "
                            "subscribe => 'wrong', startingOffsets => 'earliest');").run()
        else:
            kafka.sql(f"SELECT 1 FROM read_kafka(bootstrapServers => '{servers}', subscribe => 'wrong'{source_options(settings)})")
    except Failed as why:
        return time.time() - begun, str(why)
    raise AssertionError("no failure")


def wrong(kafka):
    kafka.topic("wrong")
    kafka.send("wrong", ["x"])
    stranger = dotted(ssl_ca_location=WORLD.path("stranger.pem"))
    foreign = dotted(ssl_certificate_location=WORLD.path("foreign.pem"), ssl_key_location=WORLD.path("foreign.key"))
    for name, servers, settings, condition in (
            ("password", WORLD.sasl, sasl(password="guessed"), "KAFKA_REQUEST_FAILED.AUTHENTICATION"),
            ("user", WORLD.sasl, sasl(user="nobody"), "KAFKA_REQUEST_FAILED.AUTHENTICATION"),
            ("PLAIN password", WORLD.sasl, sasl("PLAIN", PLAIN_USER, "guessed"), "KAFKA_REQUEST_FAILED.AUTHENTICATION"),
            ("mechanism", WORLD.sasl, sasl("GSSAPI", None), ""),
            ("authority", WORLD.sasl, {**sasl(), **stranger}, "KAFKA_REQUEST_FAILED.TLS"),
            ("host name", WORLD.nameless, tls(), "KAFKA_REQUEST_FAILED.TLS"),
            ("no certificate of the client", WORLD.mutual, tls(), "KAFKA_REQUEST_FAILED"),
            ("a stranger's certificate", WORLD.mutual, tls(**foreign), "KAFKA_REQUEST_FAILED"),
            ("TLS to a plain listener", kafka.servers, tls(), "KAFKA_REQUEST_FAILED.TLS"),
            ("plain to TLS", WORLD.mutual, {}, "KAFKA_REQUEST_FAILED")):
        for sink in (False, True) if name in ("password", "authority", "a stranger's certificate") else (False,):
            seconds, said = failure(kafka, servers, settings, sink)
            assert condition in said, (name, sink, said[-600:])
            assert "anna-secret" not in said and "guessed" not in said, said
            assert seconds < 30, (name, sink, seconds, said[-300:])


def refused_by_name(kafka):
    jaas = "kafka.sasl.jaas.config"
    cases = [({jaas: "com.example.LoginModule required;"}, "kafka.sasl.username"), ({jaas: "x"}, "Module required"),
             ({jaas: "a.PlainLoginModule required username=\"a\" passwort=\"geheim\";"}, "passwort"),
             ({jaas: "a.PlainLoginModule required username=\"a\" password=\"geheim\""}, "semicolon"),
             ({"kafka.sasl.login.callback.handler.class": "com.example.H"}, "kafka.sasl.oauthbearer.method"),
             ({"kafka.sasl.client.callback.handler.class": "com.example.H"}, "kafka.sasl.username"),
             (dotted(ssl_truststore_location=WORLD.path("ca.p12")), "kafka.ssl.ca.location"),
             (dotted(ssl_truststore_location="/no/such"), "cannot be read"), (dotted(ssl_truststore_password="geheim"), "ssl.truststore.location"),
             (dotted(ssl_protocol="TLSv1.3"), "TLS 1.2 and 1.3"), ({"kafka.ssl.engine.factory.class": "x"}, "OpenSSL")]
    if shutil.which("keytool"):
        cases.append((dotted(ssl_truststore_location=WORLD.path("ca.jks")), "keytool"))
        cases.append((dotted(ssl_keystore_location=WORLD.path("ca.jks")), "PKCS12"))
    for settings, words in cases:
        _, said = failure(kafka, WORLD.sasl, settings)
        assert words in said and "INVALID_OPTION_VALUE" in said and "geheim" not in said, (settings, said)


def secrets_stay_secret(kafka):
    """Not in what a run says, its progress and its events, nor in what is said of mistakes beside them."""
    kafka.topic("hush")
    kafka.topic("hush.out")
    kafka.send("hush", ["1", "2", "3"])
    settings = {**sasl("PLAIN", None), "kafka.sasl.jaas.config":
                f"{JAVA}plain.PlainLoginModule required username='{PLAIN_USER}' password=\"{PLAIN_PASSWORD}\";"}
    text = f"CREATE SINK out USING kafka OPTIONS (bootstrapServers '{WORLD.sasl}', topic 'hush.out', `kafka.debug` 'all'{sink_options(settings)});\n" \
           f"CREATE FLOW f AS INSERT INTO out BY NAME SELECT value FROM STREAM read_kafka(bootstrapServers => '{WORLD.sasl}', subscribe => 'hush', " \
           f"`kafka.debug` => 'all', startingOffsets => 'earliest'{source_options(settings)}{{more}}){{tail}};"
    project = kafka.project(s=text.format(more="", tail=""))
    project.run()
    same(len(kafka.read("hush.out")), 3)
    secrets = PLAIN_PASSWORD, "SharedAccessKey"
    assert not any(secret in project.output for secret in secrets), project.output
    for directory, _, names in os.walk(os.path.join(project.directory, "storage")):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                data = file.read()
            assert not any(secret.encode() in data for secret in secrets), os.path.join(directory, name)
    for more, tail in ((", subscribee => 'x'", ""), (" 'x'", ""), (", maxOffsetsPerTrigger => 'many'", ""), ("", " WHERE nothing = 1"), ("", " GROUP BY"),
                       (", `kafka.sasl.password` 'geheim12'", ""), (", `kafka.ssl.key.pem` => 'geheim12'", ""), (") , ('geheim12'", "")):
        for command in ("run", "dry-run", "graph"):
            project = kafka.project(s=text.format(more=more, tail=tail))
            done = subprocess.run([MILLRACE_CHECKED, command], cwd=project.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
            said = (done.stdout + done.stderr).decode()
            assert done.returncode != 0 or command != "run", (more, tail, command)
            assert not any(secret in said for secret in (*secrets, "x+y/z=")), (more, tail, command, said)
            assert "geheim12" not in said or more.startswith(")"), (more, tail, command, said)


def run(kafka, tests):
    check = Checks("kafka_security")
    only = os.environ.get("ONLY")
    for test in tests:
        if not only or test.__name__ in only.split(","):
            check(test, kafka)


if shutil.which("openssl"):
    WORLD = World()
    try:
        suite("kafka_security", lambda kafka: run(kafka, (plain_as_event_hubs, mutual_tls, bearer_tokens, names_of_spark, refused_by_name,
                                                          secrets_stay_secret, scram_at_strict_brokers, wrong)), **WORLD.settings())
        suite("kafka_security_scram", lambda kafka: run(kafka, (scram,)), version=broker.OLDER, **WORLD.settings())
    finally:
        shutil.rmtree(WORLD.directory, ignore_errors=True)
else:
    print("skip kafka_security: openssl is not installed")
