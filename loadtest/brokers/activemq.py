"""Apache ActiveMQ 5 ("Classic"), MQTT 3.1.1 over its own topics, in a Java machine that is started itself.

Its topics are parted by dots: it swaps ``.`` and ``/``, so that names survive, and takes a comma for a list of names.
"""

from __future__ import annotations

import difflib
import os
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from loadtest.brokers.installed import find
from loadtest.brokers.kind import BrokerKind, Features, Launch
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.brokers.kind import Site

_PACKAGED = Path("/usr/share/activemq")
_CODEC = "mqtt-client*.jar"
_DEBIAN_JARS = Path("/usr/share/java")

_CONNECTOR = (
    *("connectionTimeout", "maximumConnections", "transport.activeMQSubscriptionPrefetch"),
    *("transport.defaultKeepAlive", "transport.ioBufferSize", "transport.keepAlive", "transport.publishDollarTopics"),
    *("transport.soLinger", "transport.soTimeout", "transport.socketBufferSize", "transport.subscriptionStrategy"),
    *("transport.tcpNoDelay", "transport.wireFormat.maxFrameSize"),
)
"""Options of a connector: ActiveMQ passes over those it does not know in silence, so that we must know them."""

_LOG4J = """\
log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} - %m%n
"""


class ActiveMq(BrokerKind):
    """ActiveMQ 5.16 and later.

    Settings: ``broker.…`` and ``policy.…`` are attributes of the elements ``broker`` and ``policyEntry`` (for all
    topics) in ``activemq.xml``, ``connector.…`` options of the connector's URI, ``java.…`` options of Java.
    """

    name = "activemq"
    title = "ActiveMQ"
    program = "activemq"
    packages: ClassVar = {"apt-get": "activemq libmqtt-client-java", "brew": "activemq"}
    home = "https://activemq.apache.org/components/classic/download/"
    tuned: ClassVar = {
        "broker.advisorySupport": "false",
        "broker.persistent": "false",
        "policy.producerFlowControl": "false",
        "connector.maximumConnections": "100000",
        "connector.transport.activeMQSubscriptionPrefetch": "32766",
        "connector.transport.tcpNoDelay": "true",
        "java.Xmx": "1g",
    }
    """The prefetch is what a subscriber may have in flight: 100 by default when its session is to last."""
    persistent_settings: ClassVar = {"broker.persistent": "true"}
    our_settings = frozenset({"broker.brokerName", "broker.dataDirectory", "broker.useJmx", "broker.schedulerSupport"})
    unfit_in_topics = ","
    telling = r"^Caused by: (?!.*nested exception)|^Error: |^Unrecognized |^Invalid "
    ready_within_s = 60.0
    stops_within_s = 15.0

    def executable(self) -> str | None:
        """Java, when ActiveMQ is there with its codec of MQTT, which Debian has in a package apart."""
        return find("java") if _home() is not None and _codec() is not None else None

    def version(self) -> str:
        """What its archive says."""
        home = _home()
        if home is None:
            return ""
        with zipfile.ZipFile(home / "bin" / "activemq.jar") as jar:
            manifest = jar.read("META-INF/MANIFEST.MF").decode()
        stated = re.search(r"^Implementation-Version: (\S+)", manifest, re.MULTILINE)
        return stated[1] if stated else ""

    def features(self) -> Features:
        """MQTT 3.1.1 complete."""
        return Features(mqtt5=False, shared_subscriptions=False, persistent=True)

    def prepare(self, site: Site) -> Launch:
        """The broker's file, and one that sends its log to standard output."""
        config, log = site.log_dir / "activemq.xml", site.data_dir / "log4j.properties"
        config.write_text(config_text(site))
        log.write_text(_LOG4J)
        home = _home() or _PACKAGED
        properties = {
            "java.io.tmpdir": site.data_dir,
            "user.home": site.data_dir,
            "log4j.configuration": f"file:{log}",
            "activemq.home": home,
            "activemq.base": site.data_dir,
            "activemq.conf": site.data_dir,
            "activemq.data": site.data_dir,
            "activemq.classpath": _codec() or "",
        }
        return Launch(
            argv=[
                self.executable() or "java",
                # No file in /tmp, neither of figures for other tools nor after a crash.
                *("-XX:-UsePerfData", f"-XX:ErrorFile={site.data_dir}/java-error.log"),
                *_java_options(site.settings),
                *(f"-D{name}={value}" for name, value in properties.items()),
                *("-jar", str(home / "bin" / "activemq.jar"), "start", f"xbean:file:{quote(str(config))}"),
            ],
            config_files=[config],
        )


def config_text(site: Site) -> str:
    """The configuration file: one connector of MQTT, no console, no management.

    Raises:
        UsageError: With each setting that is neither of these nor of Java.
    """
    blocks: dict[str, dict[str, str]] = {"broker": {}, "policy": {}, "connector": {}, "java": {}}
    faults = []
    for name, value in site.settings.items():
        block, _, key = name.partition(".")
        if block not in blocks or not key:
            faults.append(f"--broker-setting {name}: begins with none of {', '.join(f'{block}.' for block in blocks)}")
        elif block == "connector" and key not in _CONNECTOR:
            near = difflib.get_close_matches(key, _CONNECTOR, n=1) or sorted(_CONNECTOR)
            faults.append(f"--broker-setting {name}: its connector has no such option; it has {', '.join(near)}")
        else:
            blocks[block][key] = value
    if faults:
        raise UsageError(faults, hint="the settings of each broker: docs/brokers.md")
    ours = {
        "brokerName": "loadtest",
        "dataDirectory": str(site.data_dir),
        "useJmx": "false",
        "schedulerSupport": "false",
    }
    options = "&".join(f"{name}={quote(value)}" for name, value in blocks["connector"].items())
    uri = f"mqtt+nio://{site.address}:{site.port}" + (f"?{options}" if options else "")
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
        http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core"{_attributes({**ours, **blocks["broker"]})}>
    <destinationPolicy><policyMap><policyEntries>
      <policyEntry topic="&gt;"{_attributes(blocks["policy"])}/>
    </policyEntries></policyMap></destinationPolicy>
    <transportConnectors>
      <transportConnector{_attributes({"name": "mqtt", "uri": uri})}/>
    </transportConnectors>
  </broker>
</beans>
"""


def _attributes(settings: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in settings.items())


def _java_options(settings: Mapping[str, str]) -> list[str]:
    """``java.Xmx=1g`` is ``-Xmx1g``, ``java.XX:MaxGCPauseMillis=50`` is ``-XX:MaxGCPauseMillis=50``."""
    options = {name.removeprefix("java."): value for name, value in settings.items() if name.startswith("java.")}
    return [f"-{name}={value}" if ":" in name else f"-{name}{value}" for name, value in options.items()]


def _home() -> Path | None:
    """Where ActiveMQ is installed."""
    program = find("activemq")
    places = [Path(os.environ["ACTIVEMQ_HOME"])] if os.environ.get("ACTIVEMQ_HOME") else []
    places += [_PACKAGED, *([] if program is None else [Path(program).resolve().parent.parent])]
    return next((place for place in places if (place / "bin" / "activemq.jar").is_file()), None)


def _codec() -> Path | None:
    """The archive with the codec of MQTT."""
    home = _home()
    places = [] if home is None else [home / "lib" / "optional", home / "lib", _DEBIAN_JARS]
    return next((jar for place in places for jar in sorted(place.glob(_CODEC))), None)
