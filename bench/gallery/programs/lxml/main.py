"""XPath, XSLT, schemas of three kinds, HTML with CSS-free selection, and objectify."""

from io import BytesIO

from lxml import etree, html, isoschematron, objectify
from lxml.builder import E

tree = etree.parse(BytesIO(b"<a xmlns:n='urn:n'><b i='1'>x</b><n:b i='2'>y</n:b></a>"))
print(tree.xpath("//n:b/@i", namespaces={"n": "urn:n"}), tree.xpath("string(//b)"))
sheet = etree.XSLT(
    etree.XML(
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        '<xsl:template match="/"><out><xsl:value-of select="count(//*)"/></out></xsl:template>'
        "</xsl:stylesheet>"
    )
)
print(str(sheet(tree)).strip())
relax = etree.RelaxNG(
    etree.XML('<element name="a" xmlns="http://relaxng.org/ns/structure/1.0"><text/></element>')
)
print(relax.validate(etree.XML("<a>text</a>")), relax.validate(etree.XML("<b/>")))
schematron = isoschematron.Schematron(
    etree.XML(
        '<schema xmlns="http://purl.oclc.org/dsdl/schematron"><pattern><rule context="a">'
        '<assert test="b">needs b</assert></rule></pattern></schema>'
    ),
    store_report=True,
)
print(schematron.validate(etree.XML("<a><b/></a>")), schematron.validate(etree.XML("<a/>")))
page = html.fromstring("<p>One <a href='/two'>two</a> &amp; three")
page.make_links_absolute("http://localhost/")
print(html.tostring(page).decode(), page.text_content())
root = objectify.fromstring("<r><n>5</n><n>6</n></r>")
print(root.n[1] + 1, [int(one) for one in root.n])
print(etree.tostring(E.html(E.body("text"))).decode())
try:
    etree.XML("<a><b></a>")
except etree.XMLSyntaxError as error:
    print(type(error).__name__, error.lineno)
print([etree.LIBXML_VERSION[0], etree.LIBXSLT_VERSION[0]])
