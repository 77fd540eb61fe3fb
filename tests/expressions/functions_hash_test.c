/* Digests at the lengths where padding changes, base64 and hexadecimal, and Spark's hashes over columns. */
#include "tests/expressions/expression_text.h"

#include "expressions/digest.h"
#include "expressions/encoding.h"
#include "expressions/random.h"

/* Of bytes (i * 7 + size) % 251, i = 0 .. size - 1. */
static const struct {
    size_t size;
    const char *md5, *sha1, *sha224, *sha256, *sha384, *sha512;
} digests[] = {
    {0, "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
     "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
     "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {1, "55a54008ad1ba589aa210d2629c1df41", "bf8b4530d8d246dd74ac53a13471bba17941dff7",
     "505ac657b400452e962169d8b2e82f568eccec75aa2f8b555aa44e98",
     "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",
     "8d2ce87d86f55fcfab770a047b090da23270fa206832dfea7e0c946fff451f819add242374be551b0d6318ed6c7d41d8",
     "7b54b66836c1fbdd13d2441d9e1434dc62ca677fb68f5fe66a464baadecdbd00"
     "576f8d6b5ac3bcc80844b7d50b1cc6603444bbe7cfcf8fc0aa1ee3c636d9e339"},
    {3, "c9aee4810523ef8658121b8d492c6b41", "4201de9f98cb0a9b8cf52398be7802b55d45266a",
     "956a7e9eeefc4f6175e8cd337cd28a80f6a0a988b3fe0ed647b4a953",
     "6ab0dba1f4f1dfbb37b4f9eeb092c09fca4900ad32bdcd147d8dde35d6c87c35",
     "de5060203c58b419f136c17666d339a05705575827e3600f0475f6fb3089870aede26c5a0903dea5938bcded4ee9e619",
     "8853167ab14c043919981a6409307ef68b5b726f4b80dcab259daa24b7cabcb8"
     "b4bbfd3e2e36ed98465059661f672e6529cdcc673e7eabfa78dd3186745b112a"},
    {55, "c4f7a596fd044675728399e605766107", "04f893eac3e6c3714b48ab7525103f7327b45271",
     "21989934912f73d695b1c369509ac6c09e10a2762712d9fd5996715e",
     "d604dc83c754bb5890ec011f3fa0552324cb1412205b5a5e83fd17cd4afe57ed",
     "23f426b139a9ac2935819929d1c3d2870bf172f92bba1226caf927570eb61a562a1cba0988d4877e1e44f02776bd0c7e",
     "df3185830724d08f9e09b9fdf9d3d10a9e87dd98eb54c43609eaaacdfe51c7d9"
     "99beeb21d24bd98a65788b11e2e53ce50688b24a04931649040103b3d2dc3f67"},
    {56, "870790e1df8b8ea4beb3e002d45cf18d", "5b05376842a5618186792e2ba9882a47ab8a8f61",
     "28f3a82442f4dc3f0153c63216ae8b691d2606438cb9faa047c0b8c8",
     "0371e3fd4911ce4109ac9aaddc0ebdfe28431802ef70a966cb245da585f2a37e",
     "72125d93f0aba5ba496259c380e6eb91f805dc4aff30397ecba05e2b836320b7ed45a20e29419fa7ea2e59a8c66d3bec",
     "d0f1aed94332efa5639957d97d9a8e322180779a58d64f00c0127f72c6bf7913"
     "c7d41194e17313c20dab21e85c0f67dbe80db84099f97ec690e2136484d21a05"},
    {57, "fc30a959910237fcfae1c52bb2e674b5", "11b78e8f44314c4c2fca00c65e6167899b45eb90",
     "5286bdac5124f7c80ce33c243e297b1f9501a55b0d1319f7c5333f1a",
     "bdce47d7bad9c7849a36531ae5ac19e3c4413c87c20f5d00ccda7dcd7c57bdb1",
     "b944b9c6a7fb91847aa8abfed751336ccd0b82f62f5fee5bcd89bdfdd3be57570e3f2c30b1cb1739cc56d856bb9dcb56",
     "f4dff730aba47251b9fd618a438b6e05627bc65cebfdfb97d271d52d6fd4a046"
     "e41e5310474fbdff9435db2b7b629f7c145b0e3015701e23471c25d61f812a63"},
    {63, "87d902f847f4e841f5ff6061bd6d6e33", "bc8885075e915702462e23b6c0f2c099b9d721ca",
     "90ecb4fbbf3137a25c2ca2be0fa8562baffb5d0b88936c84ddd8c7c2",
     "de8f546e5d44d4fb35d25af2748ed9b6644d200d56b6b0b6e71b095b44348dc6",
     "4dc3ace4fa0b4033bfc00947bee1cbfa8948ca2bd3435437aa6c43532bc77f8a8ab62ce39e0bb5fb353be564791f41ea",
     "5b77430c315188a0972b7c7f4bb062a59a561e727f12ee034701a50432009076"
     "ce223dd8e22bd23e293598b368c42776f33b116d877e4ee123d25d3fee181fec"},
    {64, "d53d88b9c478672e5fb200324158f02e", "6304fccb5005d7307678d2013e0e243c3054db5c",
     "8b68528fc7c893e9cf7f60a6556516bfb51f42eacb26e448309f31d8",
     "35eb8c80b4af970a05040dd151d5edad6172957c1ded27e521fdcf526178feb3",
     "dc4d309ebec9729d257600f436407661e876293572b91ae383499621e4a53c8b05a3495d15dfa616a0d44e8739ac8ad2",
     "61fe5b07f18f84c99cdc1c47a35b06e5832d7b1bf3849b70574314a6ec7964b1"
     "39f5cc364df1aedc57a6da4ede88e5e4ffc56e57e07dab51e93704b558d73ce5"},
    {65, "f86b3cccf8ef12ea82a505632db0e9b4", "044772bb5a735b181623d9a5b4d4e55dcda6e0b4",
     "160b96018f4238c95c265d3e46b1d91b02ccab6d1e162c0649f3aeb0",
     "c96988663bcd3779da5b1c0e499742ff48bf6148d5c044326ce3e5845a80e6ab",
     "3f6e78497cdcddd8423136c72c685ba5ad9e80d892249b5093214e2fa4a7df6b80e872a7373dd0642241878533623b8a",
     "d8f076835f32073a6b30a53fa77391ed3a1777a7329f460330180727521a8887"
     "8c2504589bf9391ce45d5fe2f1599a24397170ba99c679b28c33c30f3de61f7d"},
    {111, "985f5a5db77bd557502a67b4ffe6bf77", "6db1c586c085b702459022039fb7569c681c7f9b",
     "de8a0caaf105657e911797194417b09ec577538a23263d60a9b1a713",
     "dc842a996e8510ece743d33b46a3201593fe91e90f2140785ca4895c440369c1",
     "5c276926149447619dab6a7258a00e91943cb5cb2152a1718b8cd92745c6aa3a43d503526517b4a45e7622e17c8a3346",
     "a1954c0d7783ec96f5c6c98500f3b1c77e759f19858e57744a8f20f80d16eb6a"
     "c08033eb24932e2f17bddcc9eeaff9054dd5c37674aa1334f798fc5fb153581d"},
    {112, "32dc60559b81610c8e3740cc0fe93349", "39304f048c4106860960e7d97335a829864b9db2",
     "19d3d48b8c992552338d469849a1f98f46a5549f5ba9f370fdad9e6a",
     "9f25c2a5d109560e264ac700a9561d55244fc68e70ead8c55ddbde57f167e61e",
     "8d831ffa42acf250b41ee7124f6ca3e1f0008be32ec3e92b1d834583b9ec72c151ca701e4867f04e4dd7f510a0fdd4f6",
     "8b86de42105c9f404d924fd0d6586c05d41a5819fa94d464719c35f8bacad976"
     "5f1d27ec066534dfead6c82fadf2ffb6fb291b5b6330dec050fc7238cce92a1d"},
    {113, "98768eed011f212ba642541910befebf", "2e182e19c7f4a3af1180a02a2b7c815a90095712",
     "688aaf859f4f945a60f8587deb8bc84186f790446d381592da162184",
     "b93ab58fdcc40dc4063534bf7e521fe608f1f178166297aa524873567752afa9",
     "15e82581db2f5ad656a2f31f0a596b74ac47169b67fbfe5d2bdcac8a26604dad9aa4340e9b93b66a105fc6a0e0072a01",
     "c5e30e37a8b6c76e63f781a59a5d8a9aa4e6b2cad529c830d3a90070da69f380"
     "ad9c1c1b8972c61365ab5f24dc636246cfc4168c567cceefbdea18b88894be70"},
    {119, "5a74003039c1d72a88148184ab24559a", "cd5b017eba674e96bddd0b78cbbada2dfe731030",
     "03c4125cc84ba7d27fac53342b130aeba894c479d0c05cc3688a5f75",
     "7fb3869648ad8420f2e1a20812a61ba45c3db01dc7b391d48c2a8c1d6f41be35",
     "79eb2ec54eef2978cd9fae97c47a6048ebe2ad4e6ecf3f69dcda60f83cb8c35ae494713b1fef8018009e481386077dec",
     "62637cd985654b95ca6f5034aa70b5bedcf8f867b23235df6197670b427829e1"
     "69d91a0b73f79319a3d3b818fadfd401845114b5ef3f5ce15c2c071abe1521d9"},
    {120, "f9b7a40763fc0331e10dacd92aa5c3ce", "8d376d7d411a376cb262704eb6cdfb956839ac8f",
     "ffac220d7d3357b97330eda974be8a61928b851b4f2e033110db4504",
     "9db2bb35e3e98f502b654e82f0051eebfa45015e36ed8c3a28d44586eff7372b",
     "9a8b4986d466397f4c31474f44563e445968f64f98ed1aa528ff42be91f9f12b175bfa12d9946db75a331bf77a0c0d65",
     "db4fa2fea1f8137eccb6a4d40c3b9946d352a67777d3a8d20360c88f84132ada"
     "fb7634688a4d9f2510f55fc298458a073e34d23e9d0d8dad757238a7f39438c6"},
    {127, "0ab050c8e2b460f20997f92fcba5a874", "1b79872c0b6075124af20b6a3cff7d2ee37b4171",
     "221eb3f80ace424336bcf91529f3e870c277ddcbc0e521219c364148",
     "f2a5ec436d60185c6d1c274da6d60d8e38d7de6b739c0fbd043d0de24db2b7ad",
     "97838d81e6d7ff770bd5b9cf2d87315c757946225145746c707478079e85fec2c9784974506143cd375c182a375d1040",
     "ce36abda2e8f4351e53158bae652968d524210b35ef2896bddc1cd5884409548"
     "e38100b4f60640e45a7a0719ab4b9de1e716d222752681fd783bee460422e319"},
    {128, "921f0558bc42b9779a5f0b62c383f1cb", "def0a6760ecba9b705b0eb5b458c81af717db1f9",
     "f76d010d74d9c0794cd220113f608c75815f4a2df757bc6d625bef0a",
     "086e64af3be4bef59202dea267776bbbbe6264ad9ff0b46345743fffc446238e",
     "15cb4f8581b438707342ac321dab81ed5a1fb1786e2849c260c10e207fc6aa7fb42eed1d4d35482716d4e0149865c4cc",
     "75c0103fe76fbddfe44f5ddbfd09beedb619570de00e1b1ee43ef688986e89fc"
     "c408b32bd4543c6b08287c88c2b543a81cede0f85b37cd1527f0d74977d28142"},
    {129, "7cdeee8a019e07346948acf5cdf67226", "c906373caba36b1d29b181203a5fd4ed0e0d10e5",
     "b2b429315c00a85641566f1e6d3b0e659f0e6e7e6535ee7424888cd8",
     "e565f4d90d1ed354380468d6d343eb77934d2362da37e18371bfc631691f5cab",
     "d94ad88409e7c90bc80fcc72610f61c400af92fcbc16543d22cbfa91a7cee7aadd9388d64ec61da7c481831290d25df9",
     "84dc1ebf8f8cec5e5f0e0f93ac5751b52588e0b0f650b5b799852f701a76be74"
     "a7accecc6d867f0fa8494843210f7d86fb7d10936150700027b0c73a70ef6115"},
    {200, "f26522b2dd4f17c80b50be0ff557703a", "bb67915cbff6a1f9c6fed2b48700128df62285cc",
     "434e0d4ddc12c78a3dc48159a2616a4d72f8d74dc8ac4070e4279444",
     "2d64ae24c18406f690d51ff1ac9413d823891bf17062693f70eb953108e79178",
     "6c2ee9a031f19a2c28f669c4b4947d5d6915a35572ac13ba16fce1a1322cee90078a966f50e9532002fcfaa9d9ce0b44",
     "24b7a6ae29ab737513fb6b07cff37fc4bb456b0970929bbe46b3e73080dbb228"
     "1772b2a967c7daf8ad0abb8b831b3187256e2fa3e8aeacf8b4f977c52e8537f4"},
};

static void check_digest(const char *name, size_t size, const uint8_t *digest, size_t digest_size,
                         const char *expected)
{
    char text[129] = "";
    mr_hex_encode_lower(digest, digest_size, text);
    if (strlen(expected) != 2 * digest_size || memcmp(text, expected, 2 * digest_size) != 0)
        fail_msg("%s of %zu bytes is %s, not %s", name, size, text, expected);
}

static void known_digests(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof digests / sizeof digests[0]; k++) {
        uint8_t data[256], digest[64];
        size_t size = digests[k].size;
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)((i * 7 + size) % 251);
        mr_md5(data, size, digest);
        check_digest("md5", size, digest, 16, digests[k].md5);
        mr_sha1(data, size, digest);
        check_digest("sha1", size, digest, 20, digests[k].sha1);
        check_digest("sha224", size, digest, mr_sha2(data, size, 224, digest), digests[k].sha224);
        check_digest("sha256", size, digest, mr_sha2(data, size, 256, digest), digests[k].sha256);
        check_digest("sha384", size, digest, mr_sha2(data, size, 384, digest), digests[k].sha384);
        check_digest("sha512", size, digest, mr_sha2(data, size, 512, digest), digests[k].sha512);
    }
}

static void base64(void **state)
{
    (void)state;
    for (size_t size = 0; size < 100; size++) {
        uint8_t data[100];
        char text[140], back[110];
        size_t back_size = 0;
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(i * 37 + size);
        mr_base64_encode(data, size, text);
        for (int rules = MR_BASE64_STRICT; rules <= MR_BASE64_MIME; rules++) {
            assert_true(mr_base64_decode(text, mr_base64_encoded_size(size), (enum mr_base64_rules)rules,
                                         back, &back_size));
            assert_int_equal(back_size, size);
            assert_memory_equal(back, data, size);
        }
    }
    static const char *const bad[] = {"A",    "A===",  "AB=",  "AB===", "ABC",
                                      "AB C", "ABCD=", "A=BC", "AB==C", "AB=C"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char back[32];
        size_t back_size;
        if (mr_base64_decode(bad[i], strlen(bad[i]), MR_BASE64_STRICT, back, &back_size))
            fail_msg("%s is no base64", bad[i]);
    }
}

static void columns(void **state)
{
    (void)state;
    struct mr_batch batch;
    make_batch("s STRING, n INT, d DOUBLE", "Spark|1|-0.0;null|null|null;abcdefghij|-7|1.5", &batch);
    check("(hash #0 #1)", &batch, "205329825|42|-1020277448");
    check("(hash #1)", &batch, "-559580957|42|-1618159745");
    check("(hash #2)", &batch, "-1670924195|42|1290763749");
    check("(xxhash64 #2)", &batch, "-5252525462095825812|42|7738255526519901366");
    check("(md5 #0)", &batch, "8cde774d6f7333752ed72cacddb05126|NULL|a925576942e94b2ef57a066101b48876");
    check("(sha2 #0 (+ 255 #1))", &batch,
          "529bc3b07127ecb7e53a4dcf1991d9152c24537d919178022b2c42657f79a26b|NULL|NULL");
    check("(crc32 #0)", &batch, "1557323817|NULL|964784186");
    check("(hex #1)", &batch, "1|NULL|FFFFFFFFFFFFFFF9");
    mr_batch_release(&batch);
}

/* Spark's sequence, whose seeds are hashed. */
static void randomness(void **state)
{
    (void)state;
    struct mr_random random;
    mr_random_init(&random, 0);
    assert_true(mr_random_double(&random) == 0.7604953758285915);
    mr_random_init(&random, 42);
    assert_true(mr_random_double(&random) == 0.619189370225301);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_digests), cmocka_unit_test(base64),
                                       cmocka_unit_test(columns), cmocka_unit_test(randomness)};
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
